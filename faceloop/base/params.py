"""Reading params.yaml, with errors that name the key, the value and the line."""

from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import ValidationError
from ruamel.yaml.resolver import implicit_resolvers

from faceloop.base.blocks import Block
from faceloop.base.errors import FaceloopError
from faceloop.base.links import is_here

PARAMS = Path("params.yaml")
# libyaml's, where it was built in: params.yaml is gone through three times, in 0.1 s without.
SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Kind = TypeVar("Kind", bound=Block)


class Yaml12(SAFE):
    """YAML 1.2 as DVC reads it, by ruamel: `yes` is a word and 1e3 a number."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_yaml_int(self, node: yaml.Node) -> int:  # 017 was octal in YAML 1.1
        digits = node.value.replace("_", "")
        return int(digits, 0 if digits.lstrip("+-")[1:2].isalpha() else 10)


for versions, tag, pattern, first in implicit_resolvers:
    if (1, 2) in versions:
        Yaml12.add_implicit_resolver(tag, pattern, first)
Yaml12.add_constructor("tag:yaml.org,2002:int", Yaml12.construct_yaml_int)


def load_yaml(text: str | bytes) -> Any:
    """Return what YAML says."""
    return yaml.load(text, Loader=Yaml12)


def read_yaml(path: Path) -> Any:
    """Return what a YAML file of the project says; {} where there is none.

    Raises:
        FaceloopError: it is no YAML, or holds something else than keys.
    """
    try:
        content = (load_yaml(path.read_bytes()) if path.is_file() else None) or {}
    except (yaml.YAMLError, ValueError, RecursionError):
        content = path
    if not isinstance(content, dict):
        raise FaceloopError(f"{path} is no YAML with keys: restore it with git")
    return content


def read_params(kind: type[Kind], path: Path = PARAMS) -> Kind:
    """Return what `kind` declares of the params in `path`.

    Raises:
        FaceloopError: the file is missing or no YAML; a key is unknown, missing or out of range.
    """
    if not is_here(path):
        raise FaceloopError(f"{path} is not here: run this in the project's root folder")
    tree = None
    try:
        text = path.read_text(encoding="utf-8")
        _check_aliases(path, text)
        tree = yaml.compose(text, Loader=Yaml12)
        _check_keys(path, tree)
        return kind.model_validate(load_yaml(text))
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
    for event in yaml.parse(text, Loader=Yaml12):
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
