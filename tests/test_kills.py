"""A command that is killed anywhere has done nothing, or is finished by the next one."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.kills import answer, kill_points, run, sort_crops
from faceloop.base.storage import QUEUE_DIR, write_csv
from faceloop.commands.rounds import next_round
from faceloop.pool.queue import QUEUE

SEED = "o00-i00"
EVERY = 3  # benchmarks/kills.py tries all points, with git and DVC


@pytest.fixture
def alone(seed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project whose first queue is drawn, with a reserve, alone in its folder and without DVC."""
    monkeypatch.setattr(next_round, "stale_stages", lambda: [])
    drawn = pd.read_csv(QUEUE_DIR / "validation.csv", dtype=QUEUE)
    write_csv(drawn.head(2), QUEUE_DIR / "reserve.csv")
    home = tmp_path / "home"
    home.mkdir()
    shutil.move(seed.root, home / "project")
    monkeypatch.chdir(home / "project")
    return type(seed)(home / "project", fresh=False)


def drill(project: Any, *words: str) -> int:
    """Kill a command at a sample of points; return how many."""
    found = list(kill_points(project.root, words, project.root.parents[1] / "copies", EVERY))
    assert not [(point, wrong) for point, wrong in found if wrong]
    return len(found)


def test_next_is_whole_with_its_reserve(alone: Any) -> None:
    assert drill(alone, "next") >= 4
    run(alone.root, ["next"])
    assert (alone.root / f"labels/{SEED}/reserve.csv").is_file()


def test_submit_and_import_of_new_faces_are_whole(alone: Any) -> None:
    run(alone.root, ["next"])
    queued = pd.read_csv(alone.queue(SEED), dtype=str)["face_id"].tolist()
    answer(alone.root, SEED, "ana", queued)
    assert drill(alone, "submit", "--as", "ana") >= 3
    new = sorted({*alone.truth()} - {*queued})[:2]
    sort_crops(alone.root.parent / "sorted", "none", [*queued[:3], *new])
    assert drill(alone, "import", "../sorted", "--as", "ben") >= 4


def test_start_is_whole(second_round: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.move(second_round.root, home / "project")
    demo = type(second_round)(home / "project", fresh=False)
    for name in (SEED, "o01-i00"):
        (demo.root / f"labels/{name}/ana.csv").rename(demo.root / f"labels/{name}/truth.csv")
    demo.set({"batches": ["demo"]})
    assert drill(demo, "start", "--classes", "young", "old") >= 10
