"""What verify, finish and rollback ask of git alone, in repositories of two files."""

from pathlib import Path
from typing import Any

import pytest
from clones import sh

from faceloop.base.errors import FaceloopError
from faceloop.commands.repository import verify
from faceloop.commands.repository.lock import leads_elsewhere, outs_of
from faceloop.commands.repository.vote_history import bent, changed_label_files, rows_of, start_of
from faceloop.commands.rounds.finish import tag_round

VOTES = Path("labels/o00-i00/ana.csv")
QUEUE = Path("labels/o00-i00/queue.csv")


@pytest.mark.parametrize(
    ("path", "is_open", "now", "says"),
    [
        (VOTES, False, "id,label\na,x\nb,y\n", ""),
        (VOTES, False, "id,label\r\na,x,,\r\n\r\nb,y\r\nc,z\r\n", ""),
        (VOTES, False, "id,label\na,y\nb,y\n", "1 rows are changed or gone"),
        (VOTES, False, "", "3 rows are changed or gone"),
        (VOTES, True, "id,label\na,y\n", ""),
        (QUEUE, True, "id,label\na,x\nb,y\nc,z\n", ""),
        (QUEUE, True, "id,label\na,x\n", "1 rows are changed or gone"),
        (QUEUE, False, "id,label\na,x\nb,y\nc,z\n", "1 faces were added to a queue that is over"),
    ],
)
def test_rows_of_earlier_commits_stay(path: Path, is_open: bool, now: str, says: str) -> None:
    assert bent("id,label\na,x\nb,y\n", now, path, is_open) == says


def test_a_byte_order_mark_changes_no_row() -> None:
    assert rows_of("\ufeffid,label\n") == ["id,label"]


def commit(message: str, **files: str) -> None:
    """Write label files of a round, such as o00_i00='a', and commit all."""
    for name, text in files.items():
        path = Path("labels") / name.replace("_", "-") / "ana.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"face_id,label\n{text}\n")
    sh(f"git add -A && git commit -qm '{message}' --allow-empty", Path.cwd())


@pytest.fixture
def repository(project: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two finished rounds on main, the second of them the candidate."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.org")
    sh("git init -q -b main", project.root)
    commit("Round o00-i00", o00_i00="a,none")
    sh("git tag o00-i00", project.root)
    project.set({"rounds.accepted": "o00-i00", "rounds.candidate": "o01-i00"})
    commit("Round o01-i00", o01_i00="b,none")
    sh("git tag o01-i00", project.root)
    return project.root


def test_a_changed_vote_of_a_round_that_is_over_is_a_finding(repository: Path) -> None:
    sh("git checkout -q -b mine", repository)
    commit("Bend", o00_i00="a,glasses")
    (finding,) = changed_label_files(None)
    assert finding.startswith("labels/o00-i00/ana.csv: 1 rows are changed or gone since ")
    remedy = finding.split(": ")[2].split(";")[0]
    sh(remedy, repository)
    assert changed_label_files(None) == []


def test_a_demo_that_only_a_truth_table_voted_on_may_go(repository: Path) -> None:
    sh("git mv labels/o00-i00/ana.csv labels/o00-i00/truth.csv", repository)
    sh("git commit -qm 'A demo' && git checkout -q -b mine && git rm -rq labels", repository)
    (finding,) = changed_label_files("main")
    assert finding.startswith("labels/o01-i00/ana.csv: 2 rows are changed or gone since ")


def test_a_removed_vote_file_is_a_finding_and_a_new_one_is_none(repository: Path) -> None:
    sh("git checkout -q -b mine && cp labels/o00-i00/ana.csv labels/o00-i00/ben.csv", repository)
    assert changed_label_files(None) == []
    (repository / VOTES).unlink()
    assert len(changed_label_files(None)) == 1


def test_what_main_has_gained_since_is_not_missed(repository: Path) -> None:
    sh("git branch mine", repository)
    commit("More on main", o00_i00="a,none\nc,none")
    sh("git checkout -q mine", repository)
    assert changed_label_files("main") == []


@pytest.mark.parametrize("committed", [True, False])
def test_a_roll_back_is_no_loss_and_what_comes_after_it_counts(
    repository: Path, committed: bool
) -> None:
    sh("git checkout -q -b back", repository)
    sh("git restore --source o00-i00 --staged --worktree labels params.yaml", repository)
    assert not (repository / "labels/o01-i00").exists()
    if committed:
        commit("Back to o00-i00")
    assert start_of("main") != "main"
    assert changed_label_files("main") == []
    commit("Bend", o00_i00="a,glasses")
    assert changed_label_files("main")


def test_a_finished_round_is_over_even_as_the_candidate(repository: Path) -> None:
    commit("Bend", o01_i00="b,glasses")
    assert len(changed_label_files("o01-i00")) == 1
    (finding,) = changed_label_files(None)
    assert "git restore --source o01-i00 labels/o01-i00/ana.csv" in finding
    sh("git tag -d o01-i00", repository)
    assert changed_label_files("HEAD^") == []


def test_a_base_that_is_not_here_is_said(repository: Path) -> None:
    with pytest.raises(FaceloopError, match="--base nowhere: not in this clone"):
        changed_label_files("nowhere")
    sh("git branch -m main other", repository)
    with pytest.raises(FaceloopError, match="name one with --base REV"):
        changed_label_files(None)


def test_a_round_is_tagged_once_and_no_tag_moves(repository: Path) -> None:
    for name in ("dvc.lock", "metrics"):
        (repository / name).write_text("")
    sh("git add -A && git commit -qm 'Figures'", repository)
    old = sh("git rev-parse o01-i00", repository)
    assert [tag_round("o01-i00") for _ in range(2)] == ["o01-i00.2"] * 2
    (repository / "README.md").write_text("no part of the round")
    sh("git add -A && git commit -qm 'Prose'", repository)
    assert tag_round("o01-i00") == "o01-i00.2"
    commit("A vote more", o01_i00="b,none\nc,none")
    assert tag_round("o01-i00") == "o01-i00.3"
    assert sh("git rev-parse o01-i00", repository) == old
    assert sh("git cat-file -t o01-i00.3", repository) == "tag\n"


def test_a_check_that_cannot_be_made_is_a_finding() -> None:
    def offline() -> list[str]:
        raise FaceloopError("the remote does not answer")

    assert verify.all_findings([offline, lambda: ["one"], lambda: ["one"]]) == [
        "the remote does not answer",
        "one",
    ]


def test_outs_of_a_lock_are_found() -> None:
    lock = "stages:\n  train@a:\n    outs:\n    - path: models/a.json\n  gate:\n    cmd: x\n"
    assert outs_of(lock) == {"models/a.json"}
    assert outs_of("") == set()


@pytest.mark.parametrize(
    ("path", "elsewhere"),
    [
        ("models/o00-i00.safetensors", False),
        ("data/queue/diverse.csv", False),
        ("metrics/gate.json", False),
        ("../precious.txt", True),
        ("/etc/passwd", True),
        ("data/../../precious.txt", True),
        ("labels/o00-i00/ana.csv", True),
        ("data/raw/march", True),
        ("params.yaml", True),
        ("models/link/precious.txt", True),
    ],
)
def test_an_out_that_no_stage_makes_is_told_and_never_followed(
    project: Any, path: str, elsewhere: bool
) -> None:
    Path("models").mkdir(exist_ok=True)
    Path("models/link").symlink_to(project.root.parent)
    assert leads_elsewhere(path) == elsewhere
    lock = f"stages:\n  gone:\n    outs:\n    - path: {path}\n"
    Path("dvc.lock").write_text(lock, encoding="utf-8")
    assert [path in finding for finding in verify.lock_findings()] == [True] * elsewhere
