"""The README's commands and the loop, with real git, real DVC and a remote, in a scratch clone."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from loop.drawing.batch import draw_batch
from loop.page.drafts import Action, Answer, Draft
from loop.vote import read_truth
from stages.core.anchors import label_by_truth

ROOT = Path(__file__).parent.parent
CLASSES = ["none", "glasses", "sunglasses"]
CODE = ("stages", "loop", "dvc.yaml", "params.yaml", ".gitignore", ".dvcignore", ".gitattributes")


def sh(command: str, folder: Path, exit_code: int = 0) -> str:
    """Run a shell command in a folder, as a person in the project's virtual environment would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    git = {f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, **git, "PATH": path, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == exit_code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def readme_commands() -> list[str]:
    """Return the commands of the README's part on one's own batch."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    part = readme.partition("## Your own faces")[2].partition("\n## ")[0]
    return re.findall(r"^\$ ([^#\n]+)", part, flags=re.MULTILINE)


def copy_project(folder: Path) -> None:
    """Lay a clone of this project without the demo's batch and results, with a small queue."""
    for name in CODE:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
    shutil.copy(ROOT / ".dvc/.gitignore", folder / ".dvc/.gitignore")
    (folder / "models/embedders").mkdir(parents=True)
    (folder / "models/embedders/.gitkeep").touch()
    (folder / "data/sources").mkdir(parents=True)
    (folder / "data/sources/.gitkeep").touch()
    (folder / "labels").mkdir()
    params = (folder / "params.yaml").read_text(encoding="utf-8")
    params = re.sub(r"(?m)^  size: 60", "  size: 16", params)
    params = re.sub(r"(?m)^  size: 240", "  size: 48", params)
    params = re.sub(r"(?m)^  accepted: \S+", "  accepted: prior", params)
    params = re.sub(r"(?m)^  candidate: \S+", "  candidate: o00-i00", params)
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    sh("git init -q -b main && git add -A && git commit -qm 'A clone'", folder)


def true_labels(project: Path, round_name: str, truth: Path) -> dict[str, str]:
    """Return what a person who knows the truth says of each queued face."""
    queue = pd.read_csv(project / f"labels/{round_name}/queue.csv")
    labels = label_by_truth(queue, read_truth(truth, CLASSES), min_iou=0.5)
    return dict(zip(queue["face_id"], labels.where(labels != "", "not_a_face"), strict=True))


def answer_on_page(project: Path, labels: dict[str, str], patch: pytest.MonkeyPatch) -> None:
    """Leave the draft that the labelling page would: its server and browser have their own test."""
    answers = [Answer(face_id=one, label=label, seconds=1) for one, label in labels.items()]
    patch.chdir(project)
    with Draft("o00-i00", "ana") as draft:
        draft.append([Action(action="all", answers=answers)])


def sort_crops(folder: Path, labels: dict[str, str]) -> None:
    """Move exported crops into class folders, as a person would."""
    for face_id, label in labels.items():
        (folder / f"{face_id}.jpg").rename(folder / label / f"{face_id}.jpg")


def digests(project: Path) -> dict[str, str]:
    """Return the checksum of each file that the stages made."""
    made = sh("find data models metrics -type f | sort | xargs md5sum", project)
    return {path: digest for digest, path in (line.split() for line in made.splitlines())}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that has followed the README for its seed, and then gone two rounds further."""
    home = tmp_path_factory.mktemp("home")
    project, batch, truth = home / "project", home / "march", home / "march.csv"
    project.mkdir()
    copy_project(project)
    draw_batch(batch, truth, photos=48, video_seconds=3, seed=3)
    for command in readme_commands():
        if command.startswith((". .venv", "git clone", "cd ", "make ")):
            continue
        if command.startswith("cp "):
            shutil.copytree(batch, project / "data/raw/march")
            continue
        if command.startswith("faceloop label"):
            with pytest.MonkeyPatch.context() as patch:
                answer_on_page(project, true_labels(project, "o00-i00", truth), patch)
            continue
        sh(command, project)
    (project / "first.json").write_text(json.dumps(digests(project)), encoding="utf-8")
    (project / "first.json").rename(home / "first.json")
    for name in ("o01-i00", "o01-i01"):
        sh("faceloop next", project)
        sh(f"git add -A && git commit -qm 'Open {name}'", project)
        if name == "o01-i00":
            sh("faceloop export ../to-label", project)
            sort_crops(home / "to-label", true_labels(project, name, truth))
            sh("faceloop import ../to-label --as ben", project)
        else:
            sh(f"faceloop vote --truth {truth}", project)
        sh("dvc repro", project)
        sh(f"git add -A && git commit -qm 'Round {name}' && git tag {name} && dvc push", project)
    yield project


def test_each_round_is_a_commit_with_a_tag(project: Path) -> None:
    assert sh("git tag", project).split() == ["o00-i00", "o01-i00", "o01-i01"]
    assert sh("git status --porcelain", project) == ""
    gate = json.loads((project / "metrics/gate.json").read_text())
    assert gate["round"] == "o01-i01"
    assert gate["answered"] == gate["queued"] > 16


def test_a_second_repro_runs_nothing(project: Path) -> None:
    assert "Running stage" not in sh("dvc repro", project)


def test_moving_on_trains_only_the_new_model(project: Path) -> None:
    """The accepted model of the last round is, to the byte, the candidate of the one before."""
    before = sh("git show o01-i00:dvc.lock", project)
    locked = re.search(r"models/o01-i00.safetensors\n\s+hash: md5\n\s+md5: (\w+)", before)
    assert locked and locked.group(1) in (project / "dvc.lock").read_text()


def test_both_models_are_judged_on_faces_neither_was_trained_on(project: Path) -> None:
    tables = {
        name: pd.read_csv(project / f"data/labelled/{name}.csv") for name in ("o01-i00", "o01-i01")
    }
    held_out = tables["o01-i01"].query("split in ('overfit', 'validation')")["face_id"]
    assert {"overfit", "validation"} <= set(tables["o01-i01"]["split"])
    for table in tables.values():
        assert not held_out.isin(table.query("split == 'train'")["face_id"]).any()


def test_no_face_reaches_git(project: Path) -> None:
    assert sh("git ls-files data models", project).split() == [
        "data/raw/march.dvc",
        "models/embedders/.gitkeep",
    ]
    pictures = sh("git log --all --name-only --format= -- '*.jpg' '*.png' '*.zip' '*.mp4'", project)
    assert pictures == ""


def test_a_fresh_clone_of_the_first_round_pulls_the_same_bytes(project: Path) -> None:
    clone = project.parent / "clone"
    sh(f"git clone -q {project} {clone} && cd {clone} && git checkout -q o00-i00", project)
    store = project.parent / "faceloop-store"
    sh(f"dvc remote add --force --local --default store {store} && dvc pull", clone)
    assert "Running stage" not in sh("dvc repro --dry", clone)
    first = json.loads((project.parent / "first.json").read_text())
    assert digests(clone) == first


def test_rolling_back_forward_restores_the_first_round(project: Path) -> None:
    back = project.parent / "back"
    shutil.copytree(project, back, symlinks=True)
    sh("git restore --source o00-i00 --staged --worktree labels params.yaml dvc.lock metrics", back)
    sh("dvc pull", back)
    assert json.loads(sh("dvc status --json", back)) == {}
    assert json.loads((back / "metrics/gate.json").read_text())["round"] == "o00-i00"
    sh("git commit -qm 'Back to o00-i00'", back)


def test_a_rejected_round_leaves_training(project: Path) -> None:
    rejected = project.parent / "rejected"
    shutil.copytree(project, rejected, symlinks=True)
    params = (rejected / "params.yaml").read_text()
    params = params.replace("accepted: o01-i00", "accepted: o00-i00")
    params = params.replace("rejected: []", "rejected: [o01-i00]")
    (rejected / "params.yaml").write_text(params)
    sh("dvc repro --single-item merge_labels@o01-i01", rejected)
    table = pd.read_csv(rejected / "data/labelled/o01-i01.csv")
    assert set(table.loc[table["round"] == "o01-i00", "split"]) == {"unused"}
    assert (table.loc[table["round"] == "o01-i01", "split"] == "train").any()


def test_status_gate_and_metrics_speak(project: Path) -> None:
    assert "next     " in sh("faceloop status", project)
    gate = json.loads((project / "metrics/gate.json").read_text())
    go_on = gate["verdict"] in ("start", "continue", "undecided")
    assert gate["verdict"] in sh("faceloop gate", project, exit_code=0 if go_on else 1)
    assert "candidate.macro_f1.value" in sh("dvc metrics diff o01-i00 --md", project)
    sh("dvc plots show --out plots", project)
    page = (project / "plots/index.html").read_text()
    for plot in ("confusion", "reliability", "per_class", "loss"):
        assert plot in page
