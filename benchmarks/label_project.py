"""A scratch project with drawn faces to label, its server, and a browser to label them in."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from demo.batch import SHARES, deal_labels
from demo.person import sample_person
from demo.scene import draw_photo
from faceloop.base.storage import EMBEDDINGS_DIR, FACES_DIR, write_parquet
from faceloop.base.tables import as_table
from faceloop.crops.face_table import FACES, LANDMARKS, PLACE
from faceloop.crops.packs import crops_path, encode_crop, write_crops
from faceloop.embedding.rows import write_array
from faceloop.labels.columns import ASKED, VOTES
from faceloop.labels.vote_files import read_queue, write_queue, write_votes

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BATCH = "drawn"
PHOTO_PX = (960, 640)
CROP_PX, MARGIN = 160, 0.2


@dataclass(frozen=True)
class Face:
    """A drawn face: its source's name, its true class, its box in px, its crop as JPEG."""

    source: str
    label: str
    box: tuple[int, int, int, int]
    crop: bytes


def make_project(
    folder: Path, faces: int, round_name: str = "o00-i00", photos: int = 12
) -> dict[str, str]:
    """Lay a project in an empty folder whose queue holds `faces` faces; return their classes.

    They are the faces of `photos` drawn photos over and over, each time under another id.
    """
    (folder / "data/raw" / BATCH).mkdir(parents=True)
    drawn = draw_faces(folder / "data/raw" / BATCH, photos)
    yaml = YAML()
    params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["batches"][:] = [BATCH]
    params["rounds"].update({"accepted": "prior", "candidate": round_name})
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
    rows, crops, truth = [], {}, {}
    for number in range(faces):
        face, face_id = drawn[number % len(drawn)], f"{number * 2654435761 % 2**64:016x}"
        purpose = ("train", "validation")[number % 2]
        place = dict(zip(("x0", "y0", "x1", "y1"), face.box, strict=True), source=face.source)
        told = {"purpose": purpose, "reason": "representative", "cluster": number % 7}
        rows.append({"asked_id": face_id, "batch": BATCH, "score": 0.5, **place, **told})
        crops[face_id], truth[face_id] = face.crop, face.label
    with chdir(folder):
        write_queue(as_table(rows, ASKED), round_name)
        write_crops(crops, crops_path(BATCH))
    guidelines = (ROOT / "labels/GUIDELINES.md").read_text(encoding="utf-8")
    (folder / "labels/GUIDELINES.md").write_text(guidelines, encoding="utf-8")
    return truth


def lay_again(laid: Path, folder: Path) -> None:
    """Lay a project that is laid there already: its own params and labels, the same data."""
    shutil.copyfile(laid / "params.yaml", folder / "params.yaml")
    shutil.copytree(laid / "labels", folder / "labels")
    (folder / "data").symlink_to(laid / "data")


def add_votes(folder: Path, votes: dict[str, dict[str, str]], round_name: str = "o00-i00") -> None:
    """Lay votes, by name and face, with the tables that commands over labelled faces read."""
    with chdir(folder):
        faces = read_queue(round_name)
        rows = faces.assign(source_sha256="", probability=1.0, sharpness=1.0, duplicate_of=None)
        ids = rows["asked_id"]
        rows = rows.assign(face_id=ids, group=ids, **dict.fromkeys(LANDMARKS, 0.0), time_s=None)
        rows = rows.assign(**dict.fromkeys(PLACE, 0))  # the page reads the pack alone
        write_parquet(as_table(rows, FACES), FACES_DIR / f"{BATCH}.parquet")
        features = np.random.default_rng(1).normal(size=(len(rows), 8))
        write_array(features.astype(np.float32), EMBEDDINGS_DIR / f"{BATCH}.npy")
        for name, labels in votes.items():
            said = [{"asked_id": one, "label": label} for one, label in labels.items()]
            table = as_table(said, VOTES).fillna({"labelled_at": "", "mode": "page"})
            write_votes(round_name, name, table)


def draw_faces(folder: Path, photos: int) -> list[Face]:
    """Draw photos of three people each, and return their faces."""
    rng = np.random.default_rng(20221004)
    labels = deal_labels(rng, 3 * photos, SHARES)
    faces = []
    for number in range(photos):
        people = [sample_person(rng, label) for label in labels[3 * number : 3 * number + 3]]
        photo, truth = draw_photo(rng, people, PHOTO_PX)
        source = f"{number:02d}.jpg"
        photo.save(folder / source, quality=85)
        for box, label in truth:
            x0, y0, x1, y1 = (round(edge) for edge in box)
            faces.append(Face(source, label, (x0, y0, x1, y1), encode_crop(cut(photo, box))))
    return faces


def cut(photo: Image.Image, box: tuple[float, ...]) -> Image.Image:
    """Cut a square crop around a face, as extract_faces does."""
    x0, y0, x1, y1 = box
    half = (0.5 + MARGIN) * max(x1 - x0, y1 - y0)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    edges = (x - half, y - half, x + half, y + half)
    return photo.resize((CROP_PX, CROP_PX), Image.Resampling.LANCZOS, clipped(edges, photo.size))


def clipped(
    edges: tuple[float, float, float, float], size_px: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Return a square moved and shrunk into a picture."""
    side = min(edges[2] - edges[0], *size_px)
    left = min(max(edges[0], 0), size_px[0] - side)
    top = min(max(edges[1], 0), size_px[1] - side)
    return left, top, left + side, top + side


@dataclass
class Served:
    """A running `faceloop label`: its process, each person's link, what it said so far."""

    process: subprocess.Popen[str]
    links: dict[str, str]
    said: str

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process.stdout is not None
        self.process.kill()
        self.process.stdout.read()  # ends when it holds nothing any more
        self.process.wait()

    def stop(self) -> str:
        """End it as Ctrl-C does; return what it said last."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate()[0]


def start_server(
    project: Path, *names: str, port: int = 0, command: Sequence[str] = ("label",)
) -> Served:
    """Start `faceloop label`, or another command with a page, and wait for its links."""
    people = [word for name in names for word in ("--as", name)]
    words = [*command, "--no-browser", "--port", str(port), *people]
    process = subprocess.Popen(
        [PYTHON, "-m", "faceloop.commands.cli", *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    links: dict[str, str] = {}
    said = ""
    while len(links) < len(names):
        line = process.stdout.readline()
        name, _, link = line.rstrip("\n").partition(": ")
        if not line:
            ended = process.wait()
            raise RuntimeError(f"no link: faceloop {command[0]} ended with {ended}\n{said}")
        if name in names:
            links[name] = link
        said += line
    return Served(process, links, said)


@contextmanager
def serving(project: Path, *names: str, command: Sequence[str] = ("label",)) -> Iterator[Served]:
    """Serve a project for a while."""
    served = start_server(project, *names, command=command)
    try:
        yield served
    finally:
        served.kill()


@contextmanager
def chromium() -> "Iterator[Browser]":
    """Run Debian's Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def draft_lines(project: Path, name: str, round_name: str = "o00-i00") -> list[dict[str, Any]]:
    """Return the lines of a person's draft."""
    path = project / ".work/labels" / round_name / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
