"""engine.yaml: what code results are made with, a digest a package and a digest a stage's script.

dvc.yaml names, behind a stage's params, the packages that it reaches. A digest is of what code
means: an edit of a comment, a docstring or the layout re-runs nothing, and a project needs no copy
of the code to tell whether a result is its own.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from faceloop.base.errors import FaceloopError
from faceloop.base.params import LOADER

ENGINE, DAG, STAGES = Path("engine.yaml"), Path("dvc.yaml"), Path("stages")
LIBRARY = Path(__file__).parents[1]
# What people run, and where shards of work run, decide no result.
WITHOUT_RESULT = ("commands", "workers")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
WITHOUT_MEANING = ("ctx", "kind", "type_comment")


def digests() -> dict[str, str]:
    """Return the digest of each package, and of each stage's script as `stages.NAME`."""
    packages = {path.parent.name: path.parent for path in LIBRARY.glob("*/__init__.py")}
    scripts = {f"stages.{path.stem}": path for path in STAGES.glob("*.py")}
    code = {**packages, **scripts}
    left_out = (*WITHOUT_RESULT, "stages.__init__")
    return {name: digest_of(code[name]) for name in sorted(code) if name not in left_out}


def recorded_digests() -> dict[str, str]:
    """Return the digests that engine.yaml holds, named as `digests` names them; {} without it."""
    if not ENGINE.is_file():
        return {}
    held = yaml.load(ENGINE.read_bytes(), Loader=LOADER)
    scripts = {f"stages.{name}": digest for name, digest in held.pop("stages").items()}
    return {**held, **scripts}


def digest_of(code: Path) -> str:
    """Return 16 hex digits that tell what the code of a file, or of a folder's files, means."""
    files = sorted(code.rglob("*.py")) if code.is_dir() else [code]
    found = hashlib.sha256()
    for path in files:
        found.update(f"{path.relative_to(code.parent).as_posix()}\n".encode())
        for token in _meaning(ast.parse(path.read_bytes())):
            found.update(f"{token}\n".encode())
    return found.hexdigest()[:16]


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_engine(stage: str) -> None:
    """Refuse to work where dvc.lock would name other code than runs.

    Raises:
        FaceloopError: engine.yaml is missing, or is of other code.
    """
    recorded = recorded_digests()
    for name in reached_by(stage):
        package, _, script = name.partition(".")
        code = STAGES / f"{script}.py" if script else LIBRARY / package
        if recorded.get(name) != digest_of(code):
            raise FaceloopError(
                f"the code of {name} is another than {ENGINE} names: "
                "run 'faceloop engine', then 'dvc repro'"
            )


def reached_by(stage: str) -> list[str]:
    """Return the code that a stage reaches by dvc.yaml, such as base, model, stages.train."""
    (names,) = (one[str(ENGINE)] for one in _stages()[stage]["params"] if isinstance(one, dict))
    return list(names)


def _stages() -> dict[str, Any]:
    if not DAG.is_file():
        raise FaceloopError(f"{DAG} is not here: run this in the project's root folder")
    return dict(yaml.load(DAG.read_bytes(), Loader=LOADER)["stages"])


def _meaning(node: Any) -> Iterator[str]:
    """Yield what tells a syntax tree from another, the same in every version of Python."""
    if isinstance(node, list):
        yield "["
        for each in node:
            yield from _meaning(each)
        yield "]"
    elif isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(node, DOCUMENTED) and ast.get_docstring(node):
                value = value[1:]
            if value is not None and value != [] and name not in WITHOUT_MEANING:
                yield name
                yield from _meaning(value)
    else:
        yield repr(node)
