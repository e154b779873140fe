"""Scratch clones of this project, with real git, real DVC and a remote beside them."""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import warm
from filelock import FileLock

from demo.batch import draw_batch
from faceloop.commands.labelling.vote import label_by_truth, read_truth
from faceloop.commands.rounds.drafts import Action, Answer, Draft

ROOT = Path(__file__).parent.parent
CLASSES = ["none", "glasses", "sunglasses"]
CODE = (
    "faceloop", "stages", "demo", "dvc.yaml", "engine.yaml", "params.yaml", "Makefile", ".github",
    ".gitignore", ".dvcignore", ".gitattributes",
)  # fmt: skip
# The code of the folder that a command runs in comes first, before an installed faceloop.
CODE_OF_FOLDER = os.pathsep.join([".", os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
PEOPLE = {
    f"GIT_{who}_{what}": "test@example.org"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


@cache
def warm_commands() -> str:
    """Return a folder of commands for the front of PATH that start at once, as long as we run."""
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    server = warm.lay(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(server.communicate)  # first: closes its stdin, which ends it
    return folder.name


def sh(command: str, folder: Path, exit_code: int = 0, **environment: str) -> str:
    """Run a shell command in a folder, as a person in the project's virtual environment would."""
    path = os.pathsep.join([warm_commands(), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        shell=True,
        executable="/bin/bash",
        cwd=folder,
        env={**os.environ, **PEOPLE, "PATH": path, "PYTHONPATH": CODE_OF_FOLDER, **environment},
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
    labels = label_by_truth(queue, read_truth(truth, CLASSES))
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


@pytest.fixture(scope="session")
def three_rounds(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A project that has followed the README for its seed, and then gone two rounds further.

    It is only to be read. One of pytest's workers makes it for all: the others wait.
    """
    own = tmp_path_factory.getbasetemp()
    home = (own if worker_id == "master" else own.parent) / "home"
    with FileLock(f"{home}.lock"):
        if not home.exists():
            home.mkdir()
            follow_the_readme(home)
            go_on(home)
    return home / "project"


def follow_the_readme(home: Path) -> None:
    """Do what the README says of one's own batch, in a clone of this project."""
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
    (home / "first.json").write_text(json.dumps(digests(project)), encoding="utf-8")


def go_on(home: Path) -> None:
    """Label two rounds more: one by sorted files, one by a truth table."""
    project, truth = home / "project", home / "march.csv"
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
        sh(f"git add -A && git commit -qm 'Round {name}' && faceloop finish", project)
