"""docs/guide/label.md, its part on several people, command by command, on a small drawn batch."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from clones import ROOT, copy_project, sh, true_labels

from demo.batch import draw_batch
from faceloop.commands.rounds.drafts import Action, Answer, Draft

ROUND = "o00-i00"
PEOPLE = "  annotators: [ana, ben]"


def documented_commands() -> list[str]:
    """Return the commands of the document's part on two people."""
    text = (ROOT / "docs/guide/label.md").read_text(encoding="utf-8")
    part = text.partition("## Two people, from queue to verdict")[2].partition("\n## ")[0]
    assert PEOPLE in part
    return [found.strip() for found in re.findall(r"^\$ ([^#\n]+)", part, flags=re.MULTILINE)]


def run(command: str, project: Path) -> str:
    """Run a command with this project's own code."""
    return sh(re.sub(r"^faceloop ", "python -m faceloop.commands.cli ", command), project)


def answer(project: Path, title: str, name: str, labels: dict[str, str]) -> None:
    """Leave the draft that the page would: its server and browser have their own tests."""
    answers = [Answer(face_id=one, label=label, seconds=1) for one, label in labels.items()]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        with Draft(title, name) as draft:
            draft.append([Action(action="all", answers=answers)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a batch of drawn people whose first queue is drawn and not opened."""
    project = tmp_path_factory.mktemp("home") / "project"
    project.mkdir()
    copy_project(project)
    params = (project / "params.yaml").read_text(encoding="utf-8")
    params = params.replace("  annotators: []", PEOPLE).replace("[demo]", "[]")
    (project / "params.yaml").write_text(params, encoding="utf-8")
    truth = project.parent / "march.csv"
    draw_batch(project / "data/raw/march", truth, photos=24, video_seconds=1, seed=3)
    run("faceloop next --batch march", project)
    run("dvc repro", project)
    return project


def test_two_people_label_one_settles_and_the_verdict_follows(project: Path) -> None:
    truth: dict[str, str] = {}
    wrong: list[str] = []
    said: list[tuple[str, str]] = []
    for command in documented_commands():
        if command.startswith("faceloop label --as "):
            name = command.split()[3]
            truth = truth or true_labels(project, ROUND, project.parent / "march.csv")
            queue = pd.read_csv(project / f"labels/{ROUND}/queue.csv", keep_default_na=False)
            both = queue.loc[queue["annotators"] == "ana ben", "face_id"].tolist()
            wrong = both[:3]  # what ben takes for another class
            mine = queue.loc[queue["annotators"].str.contains(name), "face_id"]
            off = wrong if name == "ben" else []
            labels = {one: "unsure" if one in off else truth[one] for one in mine}
            answer(project, ROUND, name, labels)
        elif command.startswith("faceloop adjudicate"):
            answer(project, "adjudication", "carl", {one: truth[one] for one in wrong})
        else:
            said.append((command, run(command, project)))
    told = [text for command, text in said if command == "faceloop status"]
    assert len(told) == 3
    assert re.search(r"- left: ana \d+, ben \d+", told[0])
    assert "people disagree on 3 faces: faceloop adjudicate --as NAME" in told[1]
    assert "people disagree" not in told[2] and "verdict" in told[2]
    assert "3 faces settled by carl" in dict(said)["faceloop submit --as carl"]

    labels = json.loads((project / "metrics/labels.json").read_text())
    assert (labels["adjudicated"], labels["conflicts_open"], labels["unresolved"]) == (3, 0, 0)
    assert labels["by_round"][ROUND]["answered"] == labels["by_round"][ROUND]["queued"]
    assert labels["votes"] > labels["faces"] == len(truth)
    merged = pd.read_csv(project / f"data/labelled/{ROUND}.csv", keep_default_na=False)
    assert dict(zip(merged["face_id"], merged["label"], strict=True)) == truth
    gate = json.loads((project / "metrics/gate.json").read_text())
    assert gate["answered"] == gate["queued"] == len(truth) and gate["verdict"] != "start"
