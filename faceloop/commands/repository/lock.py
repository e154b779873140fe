"""What dvc.lock says that results were made with, and where they lie: hostile until checked."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from faceloop.base.blocks import NAME_PATTERN
from faceloop.base.code import DAG, ENGINE, stages
from faceloop.base.errors import FaceloopError
from faceloop.base.params import PARAMS, read_yaml

LOCK = Path("dvc.lock")
MADE_IN = ("data", "models")  # what stages make and DVC keeps; metrics are git's
MISSING = object()


class Entry(BaseModel):
    """A file or folder that a stage read or made."""

    path: Annotated[str, Field(pattern=r"^[^\x00]+$")]


class Ran(BaseModel):
    """A stage as it ran: what it read, what it made, and with which params of which file."""

    deps: list[Entry] = []
    outs: list[Entry] = []
    params: dict[str, dict[str, Any]] = {}


class Lock(BaseModel):
    """A dvc.lock: its stages by name."""

    stages: dict[str, Ran] = {}

    def outs(self) -> set[str]:
        """Return what the stages are said to have made."""
        return {out.path for stage in self.stages.values() for out in stage.outs}


def read_lock() -> Lock:
    """Return what dvc.lock says; nothing where there is none.

    Raises:
        FaceloopError: it is no dvc.lock.
    """
    try:
        return Lock.model_validate(read_yaml(LOCK))
    except (FaceloopError, ValidationError) as error:
        raise FaceloopError(f"{LOCK} is not as DVC writes it: restore it with git") from error


def removable(path: str) -> bool:
    """Tell whether a path of a dvc.lock may be removed: a stage of dvc.yaml makes it anew.

    Only what dvc.yaml names is, with any name in the place of a param, and only inside data/ and
    models/ after links in the folder are followed. The file itself may be a link to DVC's cache.
    """
    made = [out for stage in stages().values() for out in stage.get("outs", [])]
    named = any(re.fullmatch(_pattern(template), path) for template in made)
    return named and _is_inside(Path(path).parent, MADE_IN)


def strays() -> list[str]:
    """Return the entries of dvc.lock that lead out of the project, or to what no stage makes."""
    found = []
    for name, stage in read_lock().stages.items():
        found += [
            f"{LOCK}: {name} made {out.path!r}, outside {', '.join(MADE_IN)} and metrics"
            for out in stage.outs
            if not _is_inside(Path(out.path).parent, (*MADE_IN, "metrics"))
        ]
        found += [
            f"{LOCK}: {name} read {dep.path!r}, outside the project"
            for dep in stage.deps
            if not _is_inside(Path(dep.path), ("",))
        ]
    return [f"{line}: take that entry out, or restore the file with git" for line in found]


def stages_of_other_params() -> list[str]:
    """Return the stages in dvc.lock that ran with other params, or other code, than stand there.

    DVC itself takes a second to tell, and wants the data sets. A project without dvc.lock has none.
    """
    if not LOCK.is_file() or not DAG.is_file():
        return []
    dag = stages()
    ran = {name: s.params for name, s in read_lock().stages.items() if name.split("@")[0] in dag}
    now = {path.as_posix(): read_yaml(path) for path in (PARAMS, ENGINE)}
    return [
        name
        for name, params in ran.items()
        if any(
            _value(now.get(path), key) != value
            for path, values in params.items()
            for key, value in values.items()
        )
    ]


def _is_inside(path: Path, folders: tuple[str, ...]) -> bool:
    there = path.resolve()
    return any(there.is_relative_to(Path.cwd() / folder) for folder in folders)


def _pattern(template: str) -> str:
    """Return what a path of dvc.yaml matches, whatever its params say."""
    fixed = re.split(r"\$\{[^}]*\}", template)
    return NAME_PATTERN.strip("^$").join(map(re.escape, fixed))


def _value(tree: Any, key: str) -> Any:
    for name in key.split("."):
        tree = tree.get(name, MISSING) if isinstance(tree, dict) else MISSING
    return tree
