"""Rounds as git and DVC keep them: verified, finished, merged, rolled back to, and collected."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from clones import digests, sh

from demo.batch import draw_batch
from faceloop.crops.face_table import FACES

MADE = "labels params.yaml dvc.lock metrics"


def clone_of(project: Path, name: str) -> Path:
    """Return a fresh clone beside the project: the same remote, an empty cache."""
    sh(f"git clone -q {project} ../{name}", project)
    return project.parent / name


def copy_of(project: Path, name: str) -> Path:
    """Return a copy beside the project, data and cache and all."""
    return Path(shutil.copytree(project, project.parent / name, symlinks=True))


def relabel(path: Path) -> None:
    """Change the first vote of a file."""
    header, first, *rest = path.read_text().splitlines()
    face_id, label, *cells = first.split(",")
    other = "glasses" if label == "none" else "none"
    path.write_text("\n".join([header, ",".join([face_id, other, *cells]), *rest, ""]))


# verify


def test_a_fresh_clone_without_data_has_no_finding(three_rounds: Path) -> None:
    clone = clone_of(three_rounds, "whole")
    assert "verify: no findings" in sh("faceloop verify --no-data --base o00-i00", clone)


def test_every_finding_is_told_with_its_remedy(three_rounds: Path) -> None:
    clone = clone_of(three_rounds, "broken")
    relabel(clone / "labels/o00-i00/ana.csv")
    sh("sed -i 's/^  target: .*/  target: 0.5/' params.yaml", clone)
    sh("sed -i '2s/,[a-z]*,/,hat,/' labels/o01-i00/ben.csv", clone)
    sh("mkdir data/faces && touch data/faces/face.jpg && git add -f data/faces/face.jpg", clone)
    sh("git commit -qam 'All wrong'; touch notes.txt", clone)
    sh("dvc remote modify --local store url ../nowhere", clone)
    said = sh("faceloop verify --no-data --base o01-i00", clone, exit_code=1)
    for finding in (
        r"labels/o00-i00/ana.csv: 1 rows are changed or gone since \w+: git restore --source",
        r"labels/o01-i00/ben.csv:2: unknown class 'hat'; allowed: none, glasses",
        r"dvc.lock: stale \(merge_labels.*\): dvc repro",
        r"data/faces/face.jpg: git holds what .gitignore keeps out: git rm --cached",
        r"notes.txt: 1 files are not committed: git add -A",
        r"\d+ files of this commit are not in the remote: dvc push",
    ):
        assert re.search(rf"^- .*{finding}", said, flags=re.MULTILINE), f"{finding}\n{said}"
    sh("dvc remote remove store", clone)
    assert "no remote keeps the data sets: dvc remote add" in sh(
        "faceloop verify --no-data", clone, exit_code=1
    )


def test_one_photo_that_was_never_pushed_is_a_finding(three_rounds: Path) -> None:
    copy = copy_of(three_rounds, "unpushed")
    shutil.copytree(three_rounds.parent / "faceloop-store", copy.parent / "half-store")
    sh("dvc remote modify --local store url ../half-store", copy)
    photo = next((copy / "data/raw/march").rglob("*.jpg"))
    digest = sh(f"md5sum {photo}", copy).split()[0]
    (copy.parent / "half-store/files/md5" / digest[:2] / digest[2:]).unlink()
    said = sh("faceloop verify", copy, exit_code=1)
    assert f"{photo.relative_to(copy)}: 1 files of this commit are not in the remote" in said


# merge


def test_two_branches_with_votes_merge_and_nothing_is_lost(three_rounds: Path) -> None:
    merged = clone_of(three_rounds, "merged")
    sh("python -m faceloop.commands.repository.bootstrap && dvc pull", merged)
    votes = pd.read_csv(merged / "labels/o01-i01/truth.csv", dtype=str)
    for name, label in (("ana", "none"), ("ben", "glasses")):
        sh(f"git checkout -q -b {name} main", merged)
        votes.assign(label=label).to_csv(merged / f"labels/o01-i01/{name}.csv", index=False)
        sh("dvc repro --single-item merge_labels", merged)
        sh(f"git add -A && git commit -qm 'Votes of {name}'", merged)
    sh("git checkout -q main && git merge -q ana && git merge -q ben -m 'Both'", merged)
    assert "merge_labels" in sh("faceloop verify --no-data", merged, exit_code=1)
    ran = sh("dvc repro merge_labels", merged)
    assert re.findall(r"Running stage '([^']+)'", ran) == ["merge_labels"]
    table = pd.read_csv(merged / "data/labelled/o01-i01.csv")
    assert (table.loc[table["round"] == "o01-i01", "votes"] == 3).all()
    for name, label in (("ana", "none"), ("ben", "glasses")):
        kept = pd.read_csv(merged / f"labels/o01-i01/{name}.csv", dtype=str)
        assert kept["label"].tolist() == [label] * len(votes)


def test_two_branches_that_change_one_label_file_are_left_to_people(three_rounds: Path) -> None:
    clone = clone_of(three_rounds, "clash")
    path = clone / "labels/o01-i01/truth.csv"
    lines = path.read_text().splitlines(keepends=True)
    sh("git checkout -q -b other", clone)
    path.write_text("".join(lines[:-1]))
    sh("git commit -qam 'Without the last' && git checkout -q main", clone)
    path.write_text("".join([lines[0], *lines[2:]]))
    sh("git commit -qam 'Without the first'", clone)
    assert "CONFLICT" in sh("git merge other", clone, exit_code=1)


# roll back and go on


@pytest.fixture(scope="module")
def gone_back(three_rounds: Path) -> Path:
    """A clone that opened one batch more, and went back to the first round."""
    clone = clone_of(three_rounds, "gone-back")
    sh("dvc pull", clone)
    draw_batch(
        clone / "data/raw/april", clone.parent / "april.csv", photos=4, video_seconds=0, seed=5
    )
    sh("faceloop next --batch april && dvc repro", clone)
    sh("git add -A && git commit -qm 'A batch more' && git tag more && dvc push", clone)
    sh("echo draft > .work-of-ana && mkdir -p .work && mv .work-of-ana .work/draft", clone)
    (clone.parent / "said.txt").write_text(sh("faceloop rollback o00-i00", clone))
    return clone


def test_rolling_back_restores_every_byte(gone_back: Path) -> None:
    first = json.loads((gone_back.parent / "first.json").read_text())
    now = {path: one for path, one in digests(gone_back).items() if "raw/april" not in path}
    assert now == first
    assert sh(f"git diff --cached --stat o00-i00 -- {MADE}", gone_back) == ""
    assert json.loads(sh("dvc status --json", gone_back)) == {}


def test_rolling_back_is_staged_says_what_leaves_and_deletes_no_draft(gone_back: Path) -> None:
    assert sh("git diff --name-only", gone_back) == ""
    staged = sh("git diff --cached --name-only", gone_back).split()
    assert all(path.startswith(("labels/", "metrics/", "params", "dvc.lock")) for path in staged)
    said = (gone_back.parent / "said.txt").read_text()
    path = "labels/o01-i00/ben.csv"
    assert f"leaves the working tree: {path}; it stays in git: git show" in said
    assert "face_id" in sh(f"git show {re.search(rf'git show (.*:{path})', said)[1]}", gone_back)
    assert (gone_back / ".work/draft").read_text() == "draft\n"
    assert (gone_back / "data/raw/april.dvc").is_file() and (gone_back / "data/raw/april").is_dir()


def test_the_loop_goes_on_from_a_roll_back_and_the_round_gets_a_second_tag(
    gone_back: Path,
) -> None:
    on = copy_of(gone_back, "on")
    sh("git commit -qm 'Back to o00-i00' && faceloop verify --base more", on)
    sh("faceloop next && git add -A && git commit -qm 'Open o01-i00'", on)
    sh("faceloop vote --truth ../march.csv && dvc repro", on)
    sh("git add -A && git commit -qm 'Round o01-i00'", on)
    old = sh("git rev-parse o01-i00", on)
    for _ in range(2):
        assert "has the tag o01-i00.2" in sh("faceloop finish --base more", on)
    assert sh("git tag --list 'o*'", on).split() == ["o00-i00", "o01-i00", "o01-i00.2", "o01-i01"]
    assert sh("git rev-parse o01-i00", on) == old
    assert sh("git cat-file -t o01-i00.2", on) == "tag\n"
    assert set(pd.read_parquet(on / "data/faces/march.parquet").columns) == set(FACES)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("echo 1 > notes.txt", "notes.txt: 1 files are not committed"),
        ("cp data/raw/march/photos/*/001.jpg data/raw/march/new.jpg", "data/raw/march/ is not"),
    ],
)
def test_nothing_uncommitted_is_rolled_over(three_rounds: Path, change: str, finding: str) -> None:
    copy = copy_of(three_rounds, f"dirty-{len(change)}")
    sh(change, copy)
    before = sh("git status --porcelain", copy)
    assert finding in sh("faceloop rollback o00-i00 2>&1", copy, exit_code=2)
    assert sh("git status --porcelain", copy) == before


def test_a_roll_back_whose_data_is_lost_changes_nothing(three_rounds: Path) -> None:
    clone = clone_of(three_rounds, "lost")
    sh("dvc remote modify --local store url ../nowhere", clone)
    sh("faceloop rollback o00-i00", clone, exit_code=2)
    assert sh("git status --porcelain", clone) == ""
    assert "no finished round; there are: o00-i00, o01-i00, o01-i01" in sh(
        "faceloop rollback o09-i00 2>&1", clone, exit_code=2
    )


def test_a_roll_back_over_a_stage_that_came_or_went_restores_the_rest(three_rounds: Path) -> None:
    clone = clone_of(three_rounds, "upgraded")
    sh("dvc pull", clone)
    old, path = (clone / "dvc.yaml").read_text(), clone / "dvc.yaml"
    path.write_text(
        old.replace("stages:\n", "stages:\n  count:\n    cmd: ls labels > data/count.csv\n"
        "    deps: [labels]\n    outs: [data/count.csv]\n", 1)
    )  # fmt: skip
    (clone / "data/sources/march.csv").write_text("source,country\n")
    sh("dvc repro count && git add -A && git commit -qm 'A stage more'", clone)
    said = sh("faceloop rollback o01-i00", clone)
    assert "the code is newer than o01-i00: dvc repro will run" in said and "count" in said
    assert sh(f"git diff o01-i00 -- {MADE} data/sources", clone) == ""
    assert not (clone / "data/sources/march.csv").exists()
    at_the_tag = clone_of(three_rounds, "at-the-tag")
    sh("git checkout -q o01-i00 && dvc pull", at_the_tag)
    found = {name: one for name, one in digests(clone).items() if name != "data/count.csv"}
    assert found == digests(at_the_tag)
    # The other way: the round's lock names a stage that dvc.yaml does not know any more.
    sh("git reset -q --hard && dvc checkout && git tag o01-i01.2", clone)
    path.write_text(old)
    lock = clone / "dvc.lock"
    lock.write_text(sh("git show o01-i01:dvc.lock", clone))
    sh("git commit -qam 'A stage less'", clone)
    assert "are those of o01-i01.2" in sh("faceloop rollback o01-i01.2", clone)
    assert sh(f"git diff o01-i01.2 -- {MADE} data/sources", clone) == ""


def test_a_roll_back_that_was_cut_off_is_named_and_goes_on(three_rounds: Path) -> None:
    copy = copy_of(three_rounds, "cut-off")
    stop = "import os, sys; from faceloop.commands.repository import rollback as one; "
    stop += "one.in_the_lock = lambda: os._exit(9); from faceloop.commands.cli import main; "
    sh(f'python -c \'{stop} main(["rollback", "o00-i00"])\'', copy, exit_code=9)
    assert "faceloop rollback o00-i00: it was cut off" in sh("faceloop status", copy)
    vote = copy / "labels/o00-i00/ana.csv"
    before = vote.read_text()
    vote.write_text(before + "\n")
    said = sh("faceloop rollback o00-i00 2>&1", copy, exit_code=2)
    assert "ana.csv was written after 'faceloop rollback o00-i00' was cut off" in said
    vote.write_text(before)
    sh("faceloop rollback o00-i00", copy)
    assert sh(f"git diff o00-i00 -- {MADE}", copy) == ""
    assert "cut off" not in sh("faceloop status", copy)


def test_gc_in_the_cloud_wants_every_branch_and_tag_of_the_remote(three_rounds: Path) -> None:
    origin = three_rounds.parent / "origin.git"
    sh(f"git clone -q --bare {three_rounds} {origin}", three_rounds)
    narrow = three_rounds.parent / "narrow"
    sh(f"git clone -q --single-branch {origin} {narrow}", three_rounds)
    sh("faceloop gc --cloud", narrow)
    other = three_rounds.parent / "other"
    sh(f"git clone -q {origin} {other}", three_rounds)
    sh("git switch -qc theirs && git commit -q --allow-empty -m Theirs", other)
    sh("git push -q origin theirs", other)
    said = sh("faceloop gc --cloud --yes 2>&1", narrow, exit_code=2)
    assert "refs/heads/theirs of origin is not here" in said
    # Its objects alone are not enough: gc goes through what branches and tags reach.
    sh("git fetch -q origin refs/heads/theirs:refs/hidden/theirs", narrow)
    sh("faceloop gc --cloud --yes", narrow, exit_code=2)
    sh(re.search(r"git fetch .*", said).group(), narrow)
    sh("faceloop gc --cloud", narrow)
    sh("git remote set-url origin ../nowhere.git", narrow)
    said = sh("faceloop gc --cloud --yes 2>&1", narrow, exit_code=2)
    assert "origin could not be asked" in said


def test_gc_keeps_every_tagged_round(three_rounds: Path) -> None:
    copy = copy_of(three_rounds, "collected")
    sh("git checkout -q --detach o00-i00 && git branch -qD main && dvc checkout", copy)
    count = "find .dvc/cache/files -type f | wc -l"
    before = sh(count, copy)
    finished = copy / ".work/extract_faces/0123/crops"
    finished.parent.mkdir(parents=True)
    finished.write_bytes(b"0" * 2_000_000)
    killed = copy / "data/faces/march.zip.0123abcd.partial"
    killed.touch()
    said = sh("faceloop gc", copy)
    (size,) = re.findall(r"gc: (\S+) MB of finished extraction .* would be freed", said)
    assert float(size) >= 2 and finished.is_file()
    assert sh(count, copy) == before, "without --yes nothing is freed"
    assert re.search(r"gc: [1-9]\d* objects .* would be freed", said)
    assert "are freed" in sh("faceloop gc --yes", copy)
    assert int(sh(count, copy)) < int(before) and not finished.is_file() and not killed.is_file()
    sh("dvc remote remove store && git commit -qam 'No remote'", copy)
    for tag in ("o00-i00", "o01-i00", "o01-i01"):
        sh(f"git checkout -q {tag} && dvc checkout", copy)
        assert json.loads(sh("dvc data status --json", copy)) == {}


# faces never reach git


def test_after_a_success_nothing_new_would_be_added(three_rounds: Path) -> None:
    clone = clone_of(three_rounds, "added")
    sh("dvc pull && git add -A", clone)
    assert sh("git status --porcelain", clone) == ""


def test_after_a_failed_repro_no_face_would_be_added(three_rounds: Path) -> None:
    """DVC takes back the ignore lines of the stages that succeeded (its issue 11091)."""
    copy = copy_of(three_rounds, "failed")
    sh("find data models -name .gitignore -delete; git rm -q dvc.lock", copy)
    sh("sed -i 's/^def main.*/&\\n    raise SystemExit(1)/' stages/train.py", copy)
    sh("faceloop engine", copy)
    sh("dvc repro", copy, exit_code=255)
    assert (copy / "data/faces/march.zip").is_file()
    sh("git add -A", copy)
    assert sh("git ls-files data models", copy).split() == [
        "data/raw/march.dvc",
        "data/sources/.gitkeep",
        "models/embedders/.gitkeep",
    ]
