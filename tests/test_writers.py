"""One writer of labels and params at a time: nobody's votes are lost, and nobody waits for ever."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.kills import answer, sort_crops
from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.commands import journal
from faceloop.commands.cli import main
from faceloop.commands.journal import PLAN, finish_cut_off, sole_writer, together
from faceloop.commands.rounds.state import read_state
from faceloop.labels.vote_files import read_votes

SEED = "o00-i00"
ROOT = Path(__file__).resolve().parents[1]
# Each waits between reading and writing for long enough that two without a lock would collide.
SLOW = """
import sys, time
from faceloop.commands import journal
from faceloop.commands.cli import main
together = journal.together
def late():
    time.sleep(0.5)
    return together()
for name in ("labelling.submit", "exchange.import_labels"):
    __import__(f"faceloop.commands.{name}")
    sys.modules[f"faceloop.commands.{name}"].together = late
sys.exit(main(sys.argv[1:]))
"""


def at_once(project: Path, *commands: Sequence[str]) -> None:
    """Run commands at the same time, each in a process of its own."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SLOW, *words],
            cwd=project,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for words in commands
    ]
    for one in started:
        said, _ = one.communicate()
        assert one.returncode == 0, said


def votes_of(name: str) -> dict[str, str]:
    votes = read_votes(SEED, read_state().settings.classes)
    mine = votes[votes["annotator"] == name]
    return dict(zip(mine["asked_id"], mine["label"], strict=True))


@pytest.fixture
def opened(seed: Any) -> Any:
    """A project whose queue holds its first ten faces; ana has answered them on the page."""
    seed.ids = sorted(seed.truth())
    seed.add_queue(SEED, seed.ids[:10])
    answer(seed.root, SEED, "ana", seed.ids[:10])
    return seed


def test_an_import_beside_a_submit_of_the_same_person_loses_no_vote(
    opened: Any, tmp_path: Path
) -> None:
    sort_crops(tmp_path / "sorted", "glasses", opened.ids[10:20])
    words = ("import", str(tmp_path / "sorted"), "--as", "ana")
    at_once(opened.root, ("submit", "--as", "ana"), words)
    asked = [*dict.fromkeys(opened.ids[:10], "none").items()]
    assert votes_of("ana") == dict([*asked, *dict.fromkeys(opened.ids[10:20], "glasses").items()])
    assert main(["status"]) == 0


def test_two_imports_of_new_faces_leave_one_queue_with_both(opened: Any, tmp_path: Path) -> None:
    faces = {"ben": opened.ids[10:14], "eva": opened.ids[14:20]}
    commands = []
    for name, theirs in faces.items():
        sort_crops(tmp_path / name, "glasses", theirs)
        commands.append(("import", str(tmp_path / name), "--as", name))
    at_once(opened.root, *commands)
    for name, theirs in faces.items():
        assert votes_of(name) == dict.fromkeys(theirs, "glasses")
    queued = pd.read_csv(opened.queue(SEED), dtype=str)["face_id"]
    assert sorted(queued) == opened.ids[:20]


def test_two_who_submit_at_once_lose_no_vote(opened: Any) -> None:
    answer(opened.root, SEED, "ben", opened.ids[:10])
    at_once(opened.root, ("submit", "--as", "ana"), ("submit", "--as", "ben"))
    for name in ("ana", "ben"):
        assert votes_of(name) == dict.fromkeys(opened.ids[:10], "none")


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "--as", "ana"),
        ("import", "sorted", "--as", "ana"),
        ("vote", "--truth", "truth.csv"),
        ("next",),
        ("next", "--extend", "1"),
        ("start", "--classes", "a", "b"),
        ("finish",),
        ("rollback", "o00-i00"),
    ],
    ids=" ".join,
)
def test_every_writer_is_told_who_writes(
    opened: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, words: Sequence[str]
) -> None:
    monkeypatch.setattr(journal, "WAIT_SECONDS", 0)
    with sole_writer("import"):
        assert main(words) == 2
    assert "faceloop import (process " in capsys.readouterr().err


def test_the_lock_of_a_killed_command_is_free(opened: Any) -> None:
    held = "import os\nfrom faceloop.commands.journal import *\n"
    held += "with sole_writer('import'):\n    os.kill(os.getpid(), 9)\n"
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", held], cwd=opened.root, env=environment)
    assert done.returncode == -9
    assert main(["submit", "--as", "ana"]) == 0


# What a killed command has planned


@pytest.fixture
def planned(opened: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project where a command was killed when its plan was written and nothing done of it."""
    (opened.root / "labels/old.txt").write_text("old")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(journal, "_carry_out", killed)
        with together() as edits:
            for name in ("labels/old.txt", "labels/new.txt"):
                with replacing(Path(name)) as partial:
                    partial.write_text("new")
            edits.remove(opened.queue(SEED))
    return opened


def killed(edits: object) -> None:
    raise KeyboardInterrupt


def test_the_next_command_does_all_that_was_planned(planned: Any) -> None:
    assert Path("labels/old.txt").read_text() == "old" and not Path("labels/new.txt").exists()
    assert main(["status"]) == 0
    texts = [Path(f"labels/{name}.txt").read_text() for name in ("old", "new")]
    assert texts == ["new", "new"] and not planned.queue(SEED).exists() and not PLAN.exists()


def test_what_a_person_wrote_since_is_not_written_over(planned: Any) -> None:
    Path("labels/old.txt").write_text("mine")
    with pytest.raises(
        FaceloopError, match=r"labels/old.txt is another than when .* rm .work/plan"
    ):
        finish_cut_off()
    assert Path("labels/old.txt").read_text() == "mine" and planned.queue(SEED).exists()


def test_a_plan_that_came_with_git_moves_nothing(planned: Any, capsys: Any) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "-f", str(PLAN)], check=True)
    assert main(["status"]) == 2 and "came with git" in capsys.readouterr().err
    assert Path("labels/old.txt").read_text() == "old"


def test_a_plan_leads_nowhere_outside(planned: Any, tmp_path: Path) -> None:
    outside = tmp_path / "precious.txt"
    outside.write_text("old")
    plan = json.loads(PLAN.read_text())
    plan["steps"][0]["path"] = str(outside)
    PLAN.write_text(json.dumps(plan))
    assert main(["status"]) == 2 and outside.read_text() == "old"


def test_an_error_leaves_all_files_as_they_were(opened: Any) -> None:
    before = opened.snapshot()
    with pytest.raises(RuntimeError), together() as edits:
        with replacing(opened.queue(SEED)) as partial:
            partial.write_text("new")
        edits.remove(opened.params)
        raise RuntimeError
    assert opened.snapshot() == before and not [*Path("labels").rglob("*.partial")]
