"""What verify, finish and rollback ask of git alone, in repositories of two files."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from clones import sh

from faceloop.base.errors import FaceloopError
from faceloop.commands.cli import main
from faceloop.commands.repository import rollback, verify
from faceloop.commands.repository.lock import removable, stages_of_other_params, strays
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


DAG = """stages:
  embed: {cmd: x, outs: ["data/embeddings/${item.batch}.npy"]}
  train: {cmd: x, outs: ["models/${rounds.candidate}.safetensors"], metrics: [metrics/a.json]}
"""
MADE = ("data/embeddings/old.npy", "models/o01-i00.safetensors")
NOT_MADE = (
    *("../precious.txt", "data/../../precious.txt", "data/embeddings/../../params.yaml"),
    *("data/raw/pool/1.jpg", "data/sources/pool.csv", "README.md", "labels/o01-i00/ana.csv"),
    *("data/embeddings/.npy", "data/embeddings/old.npy\n", "data/other/old.npy"),
)


def lock_of(*paths: str, kind: str = "outs") -> str:
    return json.dumps({"stages": {"unknown": {kind: [{"path": path} for path in paths]}}})


def test_a_roll_back_removes_what_the_stages_made_and_nothing_else_that_the_lock_names(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("dvc.yaml").write_text(DAG)
    Path("dvc.lock").write_text("{}")
    Path("metrics").mkdir()
    Path("metrics/gate.json").write_text("{}")
    Path(".gitignore").write_text("/data/\n/models/\n/.work/\n")
    commit("The stages", o01_i00="b,none")
    sh("git tag -f o00-i00", repository)
    for name in (*MADE, *NOT_MADE):
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    Path("dvc.lock").write_text(lock_of(*MADE, *NOT_MADE))
    commit("A hostile lock", o01_i00="b,none")
    monkeypatch.setattr(rollback, "run_dvc", lambda *words: "{}")
    assert main(["rollback", "o00-i00"]) == 0
    assert [name for name in MADE if Path(name).exists()] == []
    assert [name for name in NOT_MADE if not os.path.lexists(name)] == []


def test_a_folder_that_is_a_link_leads_no_roll_back_out(project: Any, tmp_path: Path) -> None:
    Path("dvc.yaml").write_text(DAG)
    assert removable(MADE[0])
    (tmp_path / "outside").mkdir()
    Path("data/embeddings").symlink_to(tmp_path / "outside")
    assert not removable(MADE[0])
    Path("data/embeddings").unlink()
    Path("data/embeddings").symlink_to(project.root / "labels")
    assert not removable(MADE[0])


@pytest.mark.parametrize(
    ("lock", "finding"),
    [
        (lock_of(*MADE, "metrics/a.json", "data/gone/x.csv"), ""),
        (lock_of("data", "labels", "data/raw/pool", kind="deps"), ""),
        ("", ""),
        (lock_of("../precious.txt"), "dvc.lock: unknown made '../precious.txt', outside data"),
        (lock_of("data/../labels/a.csv"), "unknown made 'data/../labels/a.csv', outside data"),
        (lock_of("/etc/passwd", kind="deps"), "unknown read '/etc/passwd', outside the project"),
        (lock_of("data/away/x.csv"), "unknown made 'data/away/x.csv', outside data"),
        (lock_of("data/\0"), "dvc.lock is not as DVC writes it: restore it with git"),
        ("stages: [a]", "dvc.lock is not as DVC writes it"),
        ("stages: {a: {outs: [b]}}", "dvc.lock is not as DVC writes it"),
        ("a: [", "dvc.lock is not as DVC writes it"),
        ("- a", "dvc.lock is not as DVC writes it"),
    ],
)
def test_verify_names_what_in_the_lock_leads_elsewhere(
    project: Any, tmp_path: Path, lock: str, finding: str
) -> None:
    (project.root / "data/away").symlink_to(tmp_path)
    Path("dvc.lock").write_text(lock)
    found = verify.all_findings([strays])
    assert len(found) == bool(finding)
    assert finding in "".join(found)


def test_params_files_that_a_lock_makes_up_are_not_read(project: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("a: [")
    Path("dvc.yaml").write_text(DAG)
    params = {"../secret.yaml": {"a": 1}}
    Path("dvc.lock").write_text(json.dumps({"stages": {"train": {"params": params}}}))
    assert stages_of_other_params() == ["train"]
