"""A batch's folder before DVC sees it: what no batch can hold is named with its remedy."""

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR, read_csv
from faceloop.commands.repository.dvc import stale_stages
from faceloop.commands.rounds import next_round
from faceloop.commands.rounds.next_round import check_files, track_batch
from faceloop.faces.batch_files import list_sources, look_over, source_name
from faceloop.faces.face import REJECTED
from stages import extract_faces

FOLDER = Path("data/raw/pool")


def link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


# name -> how it is made, and what is said of it
BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pipe": (os.mkfifo, "no file, but a pipe, socket or device: take it away"),
    "socket.jpg": (bind, "no file, but a pipe"),
    "zero.jpg": (link("/dev/zero"), "link to a file: put what it leads to there itself"),
    "nowhere.jpg": (link("/nowhere/x.jpg"), "link that leads nowhere: take it away"),
    ".#lock": (link("somebody@else.1234"), "link that leads nowhere: take it away"),
    "outside.jpg": (link("../../../../elsewhere/x.jpg"), "link to a file: put what it leads to"),
    "inside.jpg": (link("../good.jpg"), "link to a file: put what it leads to"),
    "holiday": (
        link("../../../../elsewhere"),
        "link to a folder: put what it leads",
    ),
    "loop": (link("."), "link to a folder"),
    "dvc.yaml": (Path.touch, "name that DVC reads as its own: rename it"),
    "old.dvc": (Path.touch, "name that DVC reads as its own: rename it"),
    "caf\udce9.jpg": (Path.touch, r"name that is not UTF-8: mv $'data/raw/pool/deep/caf\xe9.jpg'"),
    "\udcfcber": (Path.mkdir, "name that is not UTF-8: mv "),
}


@pytest.fixture
def batch(project: Any) -> Any:
    """A batch of one file that is no photo, and a folder beside the project's data."""
    (FOLDER / "deep").mkdir(parents=True)
    (FOLDER / "good.jpg").write_bytes(b"x")
    (project.root / "elsewhere").mkdir()
    (project.root / "elsewhere/x.jpg").write_bytes(b"elsewhere")
    return project


@pytest.mark.parametrize("name", BAD)
def test_what_no_batch_can_hold_is_named_with_its_remedy(batch: Any, name: str) -> None:
    check_files("pool")
    make, words = BAD[name]
    make(FOLDER / "deep" / name)
    with pytest.raises(FaceloopError, match="^data/raw/pool holds what no batch can:") as error:
        check_files("pool")
    (line,) = str(error.value).splitlines()[1:]
    line.encode()  # it may be printed anywhere
    assert line.startswith(("- data/raw/pool/deep/", "- $'data/raw/pool/deep/")) and words in line
    assert list_sources("pool") == [FOLDER / "good.jpg"]


def test_the_remedy_for_a_name_may_be_typed(batch: Any) -> None:
    path = FOLDER / "it's \udce9t\udce9.jpg"
    path.touch()
    remedy = look_over("pool").refused[path].partition(": ")[2]
    subprocess.run(["bash", "-c", remedy], check=True)
    assert shlex.split(remedy.partition(" $")[2].partition("' ")[2]) == [f"{FOLDER}/it's été.jpg"]
    assert (FOLDER / "it's été.jpg").exists() and not look_over("pool").refused


def test_many_faults_are_counted(batch: Any) -> None:
    for at in range(12):
        (FOLDER / f"{at:02d}.jpg").symlink_to("/nowhere")
    with pytest.raises(FaceloopError, match="11.jpg|and 2 more") as error:
        check_files("pool")
    assert len(str(error.value).splitlines()) == 12


@pytest.mark.parametrize("linked", ["data/raw/pool", "data/raw"])
def test_a_batch_is_no_link(batch: Any, linked: str) -> None:
    moved = Path(linked).rename("elsewhere/moved")
    Path(linked).symlink_to(moved.resolve())
    with pytest.raises(FaceloopError, match=f"^{linked} is a link, which DVC does not follow"):
        check_files("pool")


def test_next_batch_asks_before_dvc_does(batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(next_round, "run_dvc", lambda *words: asked.append(words))
    batch.set({"batches": []})
    os.mkfifo(FOLDER / "pipe")
    before = batch.params.read_bytes()
    with pytest.raises(FaceloopError, match="pipe"):
        next_round.open_batch(next_round.read_state(), "pool")
    assert asked == [] and batch.params.read_bytes() == before


def test_a_file_that_comes_later_is_listed_and_stops_nothing(batch: Any) -> None:
    for name, (make, _) in BAD.items():
        make(FOLDER / "deep" / name)
    extract_faces.main("pool")
    rejected = read_csv(FACES_DIR / "pool.rejected.csv", REJECTED).set_index("source")["reason"]
    names = {source_name(FOLDER / "deep" / name, "pool") for name in BAD}
    assert set(rejected.index) == {"good.jpg", *names}
    assert rejected["deep/caf\\xe9.jpg"].startswith("name that is not UTF-8")
    assert rejected["good.jpg"] == "not a photo, in spite of its name"


@pytest.mark.parametrize("name", ["pipe", "nowhere.jpg", ".#lock", "socket.jpg"])
def test_dvc_is_not_asked_of_what_it_would_wait_for_or_end_at(batch: Any, name: str) -> None:
    make, words = BAD[name]
    make(FOLDER / name)
    with pytest.raises(FaceloopError, match=f"data/raw/pool/{name}: {words.partition(':')[0]}"):
        stale_stages()


def test_dvcs_own_links_are_sources(batch: Any) -> None:
    cached = Path("cache/files/md5/60/b725f10c9c85c70d97880dfe8191b3")
    cached.parent.mkdir(parents=True)
    shutil.move(FOLDER / "good.jpg", cached)
    (FOLDER / "good.jpg").symlink_to(cached.resolve())
    assert list_sources("pool") == [FOLDER / "good.jpg"] and not look_over("pool").refused


def test_dvc_passes_over_names_that_are_not_utf_8(batch: Any) -> None:
    shutil.copy(ROOT / ".dvcignore", ".dvcignore")
    for name in ("caf\udce9.jpg", "b\udce9/x.jpg", "été 日本 😀.jpg"):
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_bytes(b"y")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["python", "-m", "dvc", "init", "-q"], check=True)
    track_batch(FOLDER)
    assert "nfiles: 2\n" in Path("data/raw/pool.dvc").read_text()
