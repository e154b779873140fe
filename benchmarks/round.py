"""A round of labels in a pool of 100,000 faces, by `dvc repro`: where its seconds go.

    python -m benchmarks.round [--work DIR] [--faces 100000]

In a scratch clone with a made batch, whose extraction counts as done, a second round is answered
and committed. Prints each stage's process, how much of that is Python and imports, DVC's own share,
and what a `dvc repro` costs that has nothing to do beside `dvc status`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.made_pool import CLASSES, answer, make_batch
from benchmarks.real_faces import print_table
from benchmarks.scratch import ROOT, project
from faceloop.base.storage import FACES_DIR, write_csv
from faceloop.base.tables import as_table
from faceloop.commands.repository.dvc import run_dvc
from faceloop.commands.rounds.edit_params import edit_params
from faceloop.commands.rounds.next_round import move_on
from faceloop.commands.settings import read_settings
from faceloop.crops.packs import crops_path, write_crops
from faceloop.faces.face import REJECTED

BATCH, WIDTH, LABELS, VALIDATION = "pool", 256, 300, 60
ROUNDS = ("o00-i00", "o01-i00")
CODE = (
    "faceloop",
    "stages",
    "dvc.yaml",
    "engine.yaml",
    ".gitignore",
    ".dvcignore",
    ".gitattributes",
)
NO_OPS = 3  # runs of each command that has nothing to do
# Every Python that starts with this on its path tells at its end what it took.
HOOK = """
import atexit, json, os, resource, sys, time
def tell():
    ticks = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
    wall = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    used = resource.getrusage(resource.RUSAGE_SELF)
    row = {"words": sys.orig_argv[1:], "seconds": wall, "CPU s": used.ru_utime + used.ru_stime}
    with open(os.environ["TOLD"], "a") as file:
        file.write(json.dumps(row) + "\\n")
atexit.register(tell)
"""


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.round", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "faceloop-round")
    parser.add_argument("--faces", type=int, default=100_000)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work, ignore_errors=True)
    with project(arguments.work, {"batches": [BATCH], "classes": CLASSES}):
        lay_project(arguments.faces)
        answer(ROUNDS[0], BATCH, np.arange(LABELS), VALIDATION)
        run_dvc("repro")
        answer(ROUNDS[1], BATCH, np.arange(LABELS, 2 * LABELS), VALIDATION)
        edit_params(move_on(read_settings().rounds, ROUNDS[1]))
        commit("A round of labels")
        seconds, told = timed("repro")
        table = stage_table(seconds, told)
        no_ops = [no_op(words) for _ in range(NO_OPS) for words in ("repro", "status")]
    print_table(table, 2)
    print_table(pd.DataFrame(no_ops).groupby("command").median().reset_index(), 2)
    shutil.rmtree(arguments.work)


def lay_project(faces: int) -> None:
    """Lay a clone with a batch that counts as extracted, embedded and linked."""
    for name in CODE:
        Path(name).unlink(missing_ok=True)  # a scratch project's link: DVC wants the file
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, name)
    for folder in ("models/embedders", "labels", "data/raw"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    make_batch(BATCH, faces, WIDTH)
    (Path("data/raw") / BATCH / "made.txt").write_text("made\n", encoding="utf-8")
    write_crops({}, crops_path(BATCH))
    write_csv(as_table([], REJECTED), FACES_DIR / f"{BATCH}.rejected.csv")
    Path("hook").mkdir()
    Path("hook/sitecustomize.py").write_text(HOOK, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], check=True)
    run_dvc("init", "-q")
    stages = ("extract_faces", "embed", "neighbours", "link_duplicates", "sample_jury")
    made = [f"{stage}@{BATCH}" for stage in stages]
    run_dvc("commit", "--force", *made)
    commit("A clone")


def commit(message: str) -> None:
    """Commit all there is to commit."""
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", *identity, "commit", "-qm", message], check=True)


def timed(*words: str) -> tuple[float, list[dict[str, Any]]]:
    """Run a DVC command; return its seconds, and a row a Python process that it was or started."""
    told = Path("told.jsonl").resolve()
    told.unlink(missing_ok=True)
    path = os.pathsep.join([Path("hook").resolve().as_posix(), "."])
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "TOLD")}
    os.environ.update({"PYTHONPATH": path, "TOLD": told.as_posix()})
    started = time.perf_counter()
    run_dvc(*words)
    seconds = time.perf_counter() - started
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    return seconds, [json.loads(line) for line in told.read_text().splitlines()]


def stage_table(seconds: float, told: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a row a stage: its process, and how much of it `import stages.NAME` alone takes."""
    rows = []
    for one in told:
        if one["words"][:1] == ["-m"] and one["words"][1].startswith("stages."):
            name, *rest = one["words"][1:]
            start = start_of(name)
            row = {"stage": " ".join([name.removeprefix("stages."), *rest])}
            rows.append(row | {"seconds": one["seconds"], "CPU s": one["CPU s"], **start})
    table = pd.DataFrame(rows)
    total = {"stage": "stages", **table.drop(columns="stage").sum()}
    (dvc,) = [one for one in told if one["words"][:2] == ["-m", "dvc"]]
    own = {"stage": "DVC itself", "seconds": seconds - total["seconds"], "CPU s": dvc["CPU s"]}
    whole = {"stage": "dvc repro", "seconds": seconds, "CPU s": total["CPU s"] + dvc["CPU s"]}
    return pd.DataFrame([*rows, total, own, whole])


def start_of(module: str) -> dict[str, float]:
    """Return the seconds and CPU seconds of a Python that imports a stage and ends."""
    before, started = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    seconds, after = time.perf_counter() - started, os.times()
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return {"start: seconds": seconds, "start: CPU s": cpu}


def no_op(command: str) -> dict[str, Any]:
    """Return what a DVC command takes that has nothing to do."""
    seconds, told = timed(command)
    stages = [one for one in told if one["words"][1].startswith("stages.")]
    return {
        "command": f"dvc {command}",
        "seconds": seconds,
        "CPU s": sum(one["CPU s"] for one in told),
        "stages run": len(stages),
    }


if __name__ == "__main__":
    main()
