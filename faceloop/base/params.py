"""Reading params.yaml, with errors that name the key, the value and the line."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from faceloop.base.blocks import Block
from faceloop.base.errors import FaceloopError

PARAMS = Path("params.yaml")
# libyaml's, where it was built in: params.yaml is gone through three times, in 0.1 s without.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Kind = TypeVar("Kind", bound=Block)


def read_params(kind: type[Kind], path: Path = PARAMS) -> Kind:
    """Return what `kind` declares of the params in `path`.

    Raises:
        FaceloopError: the file is missing or no YAML; a key is unknown, missing or out of range.
    """
    if not path.is_file():
        raise FaceloopError(f"{path} is not here: run this in the project's root folder")
    tree = None
    try:
        text = path.read_text(encoding="utf-8")
        _check_aliases(path, text)
        tree = yaml.compose(text, Loader=LOADER)
        _check_keys(path, tree)
        return kind.model_validate(yaml.load(text, Loader=LOADER))
    except ValidationError as error:
        findings = [_finding(path, tree, one) for one in error.errors()]
        raise FaceloopError("\n".join(findings)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FaceloopError(f"{path} is no valid YAML in UTF-8: {error}") from error


def _finding(path: Path, tree: yaml.Node | None, error: Any) -> str:
    """Put one of pydantic's findings into a line: file, line, key, value, what is allowed."""
    reason = error["msg"].removeprefix("Value error, ")
    keys = list(error["loc"])
    if isinstance(error["input"], dict) and ": " in reason:  # of several keys: the one to change
        key, _, reason = reason.partition(": ")
        keys += key.split(".")
    where = f"{path}:{_line(tree, keys)}: {'.'.join(map(str, keys)) or 'top level'}"
    if error["type"] == "missing":
        return f"{where}: this key is missing; add it"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key (value {error['input']!r}); remove it or correct its name"
    shown = f"found {error['input']!r}; " if not isinstance(error["input"], dict) else ""
    return f"{where}: {shown}{reason}"


def _check_aliases(path: Path, text: str) -> None:
    """Refuse aliases: a few lines of them can stand for more values than memory holds."""
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise FaceloopError(f"{path}:{line}: alias *{event.anchor}: write the value out")


def _check_keys(path: Path, tree: yaml.Node | None) -> None:
    """Refuse a key that stands twice in a block: YAML would silently take the last."""
    if not isinstance(tree, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, inner in tree.value:
        if key.value in seen:
            line = key.start_mark.line + 1
            raise FaceloopError(f"{path}:{line}: {key.value}: this key stands twice; keep one")
        seen.add(key.value)
        _check_keys(path, inner)


def _line(tree: yaml.Node | None, keys: list[Any]) -> int:
    """Return the line, from 1, of the deepest node on the way along `keys`."""
    line = 1
    for key in keys:
        if isinstance(tree, yaml.MappingNode):
            inner = next((pair for pair in tree.value if pair[0].value == key), None)
            if inner is None:
                break
            line, tree = inner[0].start_mark.line + 1, inner[1]
        elif isinstance(tree, yaml.SequenceNode) and isinstance(key, int):
            tree = tree.value[key]
            line = tree.start_mark.line + 1
    return line
