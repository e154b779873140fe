"""The whole way through a real Label Studio: export, load, label, export there, import."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.label_studio_project import VOTES, Visitor, export, label, open_project, serving
from faceloop.commands.cli import main
from faceloop.crops.face_table import read_batch

EXECUTABLE = os.environ.get("LABEL_STUDIO", "")
pytestmark = pytest.mark.skipif(
    not EXECUTABLE, reason="LABEL_STUDIO names no label-studio executable"
)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Visitor]]:
    """Everybody, logged in to a server of its own that may read this test's pictures."""
    data = tmp_path_factory.mktemp("server")
    with serving(EXECUTABLE, data, tmp_path_factory.getbasetemp()) as address:
        yield {name: Visitor(address, name) for name in VOTES}


@pytest.mark.parametrize("images", ["files", "embedded"])
def test_a_round_trip_loses_no_vote(
    seed: Any,
    people: dict[str, Visitor],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    images: str,
) -> None:
    out = tmp_path_factory.getbasetemp() / f"to-label-{images}"
    back, who = tmp_path / "export.json", tmp_path / "who.csv"
    seed.add_queue("o00-i00", read_batch("pool")["face_id"].tolist()[:10], validation=4)
    assert main(["export", str(out), "--to", "label-studio", "--images", images]) == 0
    number, tasks = open_project(people["ana"], out)
    queue = pd.read_csv(seed.queue("o00-i00"))["face_id"]
    assert sorted(task["data"]["face_id"] for task in tasks) == sorted(queue)
    picture = tasks[0]["data"]["image"]
    assert images == "embedded" or people["ben"].ask("GET", picture).startswith(b"\xff\xd8")
    label(people, tasks)
    back.write_bytes(export(people["ana"], number, "JSON"))
    rows = [f"{one.id},{name}\n" for name, one in people.items()]
    who.write_text("".join(["their,name\n", *rows]))
    assert main(["import", str(back), "--who", str(who)]) == 0
    ids = [task["data"]["face_id"] for task in tasks]
    for name, told in VOTES.items():
        votes = pd.read_csv(f"labels/o00-i00/{name}.csv", dtype=str)
        expected = {face_id: one for face_id, one in zip(ids, told, strict=False) if one}
        assert dict(zip(votes["face_id"], votes["label"], strict=True)) == expected
