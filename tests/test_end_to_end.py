"""The README's commands and the loop, with real git, real DVC and a remote, in a scratch clone."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from clones import digests, sh


@pytest.fixture(scope="module")
def project(three_rounds: Path) -> Path:
    """A copy of the project that has followed the README and gone two rounds further."""
    return Path(shutil.copytree(three_rounds, three_rounds.parent / "finished", symlinks=True))


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
        "data/sources/.gitkeep",
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


def test_a_rejected_round_leaves_training(project: Path) -> None:
    rejected = project.parent / "rejected"
    shutil.copytree(project, rejected, symlinks=True)
    params = (rejected / "params.yaml").read_text()
    params = params.replace("accepted: o01-i00", "accepted: o00-i00")
    params = params.replace("rejected: []", "rejected: [o01-i00]")
    (rejected / "params.yaml").write_text(params)
    sh("dvc repro --single-item merge_labels", rejected)
    table = pd.read_csv(rejected / "data/labelled/o01-i01.csv")
    assert set(table.loc[table["round"] == "o01-i00", "split"]) == {"unused"}
    assert (table.loc[table["round"] == "o01-i01", "split"] == "train").any()


def test_status_gate_and_metrics_speak(project: Path) -> None:
    assert "next     " in sh("faceloop status", project)
    gate = json.loads((project / "metrics/gate.json").read_text())
    go_on = gate["verdict"] in ("start", "continue", "undecided")
    assert gate["verdict"] in sh("faceloop gate", project, exit_code=0 if go_on else 1)
    assert "candidate.macro_f1.value" in sh("dvc metrics diff o01-i00 --md", project)
    sh("dvc plots show --out ../plots", project)
    page = (project.parent / "plots/index.html").read_text()
    for plot in ("confusion", "reliability", "per_class", "loss"):
        assert plot in page
