"""What dvc.lock says that results were made with, beside what params.yaml and engine.yaml say."""

from pathlib import Path
from typing import Any

import yaml

from faceloop.base.params import LOADER

LOCK, DAG = Path("dvc.lock"), Path("dvc.yaml")
MISSING = object()


def stages_of_other_params() -> list[str]:
    """Return the stages in dvc.lock that ran with other params, or other code, than stand there.

    DVC itself takes a second to tell, and wants the data sets. A project without dvc.lock has none.
    """
    if not LOCK.is_file() or not DAG.is_file():
        return []
    dag, lock = _read(DAG)["stages"], _read(LOCK).get("stages", {})
    ran = {name: one.get("params", {}) for name, one in lock.items() if name.split("@")[0] in dag}
    now = {path: _read(Path(path)) for path in {path for params in ran.values() for path in params}}
    return [
        name
        for name, params in ran.items()
        if any(
            _value(now[path], key) != value
            for path, values in params.items()
            for key, value in values.items()
        )
    ]


def leads_elsewhere(path: str) -> bool:
    """Tell whether an out of dvc.lock is no file that a stage makes: a lock file may be hostile.

    The file itself may be a link, into DVC's cache; the folder that holds it may not lead away.
    """
    parts, folder = Path(path).parts, Path(path).parent.resolve()
    inside = folder.is_relative_to(Path.cwd().resolve()) and ".." not in parts
    return not inside or parts[0] not in ("data", "models", "metrics") or parts[1:2] == ("raw",)


def outs_of(lock: str) -> set[str]:
    """Return what a dvc.lock says the stages made."""
    stages = (yaml.safe_load(lock) or {}).get("stages", {})
    return {out["path"] for stage in stages.values() for out in stage.get("outs", [])}


def _read(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_bytes(), Loader=LOADER) or {} if path.is_file() else {}


def _value(tree: Any, key: str) -> Any:
    for name in key.split("."):
        tree = tree.get(name, MISSING) if isinstance(tree, dict) else MISSING
    return tree
