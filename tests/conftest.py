"""Scratch projects in a temporary folder: stages and commands run in process, on tiny data."""

import faulthandler
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, chdir
from functools import cache
from io import BytesIO, StringIO
from multiprocessing.forkserver import ensure_running, set_forkserver_preload
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browsing import ready
from clones import three_rounds, warm_commands  # noqa: F401
from PIL import Image
from ruamel.yaml import YAML

from benchmarks import label_project
from benchmarks.label_project import CHROMIUM, chromium
from demo.batch import draw_batch
from faceloop.balance import batch_balance
from faceloop.base.storage import (
    DUPLICATES_DIR,
    EMBEDDINGS_DIR,
    FACES_DIR,
    LABELLED_DIR,
    write_csv,
    write_parquet,
)
from faceloop.base.tables import as_table
from faceloop.crops.face_table import FACES, LANDMARKS, PLACE, read_batch
from faceloop.crops.packs import crops_path, with_places, write_crops
from faceloop.embedding.rows import write_array
from faceloop.evaluation import comparison, shadow
from faceloop.faces.sources import PRELOAD
from faceloop.model import fit_head
from faceloop.neighbours.nearest import EDGES, nearest
from faceloop.pool.features import NEIGHBOURS_DIR
from faceloop.pool.labelled import DUPLICATES, LABELLED
from faceloop.pool.queue import QUEUE, queue_rows
from faceloop.workers import dispatch
from stages import (
    balance,
    embed,
    eval_iteration,
    eval_overfit,
    eval_shadow,
    extract_faces,
    gate,
    link_duplicates,
    merge_labels,
    neighbours,
    sample_diverse,
    sample_jury,
    sample_relabel,
    sample_uncertain,
    sample_validation,
    train,
)

# Worker processes fork from one that has imported what they need; it is one for all tests.
set_forkserver_preload([*PRELOAD, "faceloop.embedding.shards"])
ensure_running()

BEHIND_THE_FACES = (
    *(merge_labels, train, eval_overfit, eval_iteration, eval_shadow, gate, balance),
    *(sample_validation, sample_uncertain, sample_diverse, sample_relabel),
)
ROOT = Path(__file__).resolve().parents[1]
CLASSES = ["none", "glasses", "sunglasses"]
# Small enough that a whole round takes a blink, and that a few faces tell something. Processes that
# a test starts have the constants as shipped.
CONSTANTS: dict[tuple[ModuleType, str], Any] = {
    (fit_head, "STRENGTHS"): (1.0, 0.1),
    (fit_head, "FOLDS"): 3,
    (comparison, "SWAPS"): 100,
    (shadow, "LEAST_LABELS"): 5,
    (batch_balance, "MIN_RANDOM"): 6,
}
SHIPPED = {(module, name): getattr(module, name) for module, name in CONSTANTS}
for (module, name), small in CONSTANTS.items():
    setattr(module, name, small)
SMALL: dict[str, Any] = {
    "seed": 7,
    "classes": CLASSES,
    "batches": ["pool"],
    "rounds.accepted": "prior",
    "rounds.candidate": "o00-i00",
    "rounds.rejected": [],
    "rounds.without_gain": 0,
    "device": "cpu",
    "intervals.bootstrap": 100,
    "balance.min_cell": 5,
    "sample_validation.size": 6,
    "sample_validation.reserve": 0,
    "sample_uncertain.size": 16,
    "sample_diverse.size": 8,
    "sample_diverse.clusters": 3,
}


class Project:
    """A project folder with params.yaml, labels/ and data/, and hands to fill it."""

    def __init__(self, root: Path, fresh: bool = True) -> None:
        self.root = root
        self.params = root / "params.yaml"
        if not fresh:
            return
        (root / "labels").mkdir()
        (root / "data/raw").mkdir(parents=True)
        self.params.write_text(small_params(), encoding="utf-8")

    def set(self, values: dict[str, Any]) -> None:
        """Set params by dotted key, comments kept."""
        text = self.params.read_text(encoding="utf-8")
        self.params.write_text(edited(text, values), encoding="utf-8")

    def get(self, key: str) -> Any:
        """Return a param by dotted key."""
        value = YAML(typ="safe").load(self.params.read_text(encoding="utf-8"))
        for name in key.split("."):
            value = value[name]
        return value

    def add_batch(self, name: str, photos: int, per_photo: int = 1, copies: int = 0) -> list[str]:
        """Write a batch's face table, embeddings and crops; return the face ids in their order.

        The true class of a face is CLASSES[place % 3], and its embedding says so.
        """
        rows = face_rows(name, photos, per_photo, copies)
        n = len(rows)
        rng = np.random.default_rng(n)
        features = np.eye(3, 8)[np.arange(n) % 3] + rng.normal(scale=0.3, size=(n, 8))
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        with self.here():
            write_array(features.astype(np.float16), EMBEDDINGS_DIR / f"{name}.npy")
            edges = as_table(dict(zip(EDGES, nearest(features, rng), strict=True)), EDGES)
            write_parquet(edges, NEIGHBOURS_DIR / f"{name}.parquet")
            write_parquet(as_table([], DUPLICATES), DUPLICATES_DIR / f"{name}.parquet")
            crops = {one: jpeg((at * 7 % 256, 90, 120)) for at, one in enumerate(rows.face_id)}
            lay_crops(rows, crops, name)
            if name in self.get("batches"):
                sample_jury.main(name)
        return rows["face_id"].tolist()

    def truth(self, batch: str = "pool") -> dict[str, str]:
        """Return the true class of each face of a batch made by `add_batch`."""
        with self.here():
            ids = read_batch(batch)["face_id"]
        return {face_id: CLASSES[at % 3] for at, face_id in enumerate(ids)}

    def add_queue(
        self, round_name: str, ids: Sequence[str], batch: str = "pool", validation: int = 0
    ) -> None:
        """Freeze a queue of these faces; the first `validation` of them judge the round."""
        with self.here():
            faces = read_batch(batch).set_index("face_id", drop=False).loc[list(ids)]
        purposes = ["validation"] * validation + ["train"] * (len(ids) - validation)
        queue = queue_rows(faces.reset_index(drop=True), "train", reason="test")
        chance = [0.5] * validation + [None] * (len(ids) - validation)
        queue = queue.assign(purpose=purposes, inclusion_probability=chance)
        self.write_table(as_table(queue, QUEUE), self.queue(round_name))

    def add_votes(self, round_name: str, annotator: str, labels: dict[str, str]) -> Path:
        """Write one person's votes."""
        path = self.root / "labels" / round_name / f"{annotator}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{face_id},{label}\n" for face_id, label in labels.items()]
        path.write_text("face_id,label\n" + "".join(lines), encoding="utf-8")
        return path

    def vote_truly(self, round_name: str, batch: str = "pool", annotator: str = "ana") -> Path:
        """Answer a round's queue with the truth."""
        ids = pd.read_csv(self.queue(round_name), dtype=str)["face_id"]
        truth = self.truth(batch)
        return self.add_votes(round_name, annotator, {one: truth[one] for one in ids})

    def queue(self, round_name: str) -> Path:
        """Return the path of a round's queue."""
        return self.root / "labels" / round_name / "queue.csv"

    def add_labelled(self, round_name: str, rows: Sequence[dict[str, Any]] = ()) -> None:
        """Write a table of labelled faces as merge_labels would."""
        blank = {"batch": "pool", "round": round_name, "split": "train", "label": "none"}
        some = [{**blank, "confidence": 1.0, "votes": 1, **row} for row in rows]
        self.write_table(as_table(some, LABELLED), LABELLED_DIR / f"{round_name}.csv")

    def write_table(self, table: pd.DataFrame, path: Path) -> None:
        """Write a CSV under the project's folder."""
        with self.here():
            write_csv(table, path)

    def here(self) -> AbstractContextManager[None]:
        """Stand in the project's folder for a while."""
        return chdir(self.root)

    def repro(self) -> None:
        """Run all stages behind the faces, as `dvc repro` would."""
        with self.here():
            for batch in self.get("batches"):
                sample_jury.main(batch)
            for stage in (
                merge_labels,
                train,
                eval_overfit,
                eval_iteration,
                eval_shadow,
                gate,
                balance,
            ):
                stage.main()
            for stage in (sample_validation, sample_uncertain, sample_diverse, sample_relabel):
                stage.main()

    def snapshot(self) -> dict[str, bytes]:
        """Return every file of the project with its bytes, but the writers' lock."""
        files = sorted(path for path in self.root.rglob("*") if path.is_file())
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in files
            if ".git/" not in path.as_posix()
            and path.suffix != ".partial"
            and path.name != "writer.lock"
        }


def edited(text: str, values: dict[str, Any]) -> str:
    """Return params with values set by dotted key, comments kept."""
    yaml, out = YAML(), StringIO()
    yaml.width = 200
    content = yaml.load(text)
    for key, value in values.items():
        block = content
        *path, last = key.split(".")
        for name in path:
            block = block[name]
        if isinstance(value, list):
            block[last][:] = value  # in place: the comment behind it stays
        else:
            block[last] = value
    yaml.dump(content, out)
    return out.getvalue()


@cache
def small_params() -> str:
    """Return the shipped params.yaml, made small."""
    return edited((ROOT / "params.yaml").read_text(encoding="utf-8"), SMALL)


def face_rows(batch: str, photos: int, per_photo: int = 1, copies: int = 0) -> pd.DataFrame:
    """Return a face table: `per_photo` faces side by side a photo, then copies of the first few."""
    rows: list[dict[str, Any]] = []
    for photo in range(photos):
        for place in range(per_photo):
            rows.append(
                {
                    "face_id": f"{batch[:4]:0<4}{photo:06d}{place:06d}",
                    "batch": batch,
                    "source": f"{photo:03d}.jpg",
                    "source_sha256": f"{batch}{photo}",
                    "x0": 10 + 100 * place,
                    "y0": 20,
                    "x1": 70 + 100 * place,
                    "y1": 90,
                    "probability": 0.99,
                    **dict.fromkeys(LANDMARKS, 30.0),
                    "sharpness": 0.1,
                    "group": f"{batch}/{photo:03d}.jpg",
                    "duplicate_of": None,
                    **dict.fromkeys(PLACE, 0),
                }
            )
    for at in range(copies):
        twin = {"face_id": f"{batch[:4]:0<4}c{at:011d}", "source": f"copy{at:03d}.jpg"}
        rows.append({**rows[at], **twin, "duplicate_of": rows[at]["face_id"]})
    return as_table(rows, FACES)


def lay_crops(faces: pd.DataFrame, crops: dict[str, bytes], batch: str = "pool") -> None:
    """Write a batch's crops and its face table."""
    places = write_crops(crops, crops_path(batch))
    write_parquet(with_places(faces, places), FACES_DIR / f"{batch}.parquet")


def jpeg(colour: tuple[int, int, int], size: int = 160) -> bytes:
    """Return a crop of one colour."""
    buffer = BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project in a temporary folder, which is the working folder too."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return Project(root)


@pytest.fixture
def as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the constants as shipped, as processes do that a test starts."""
    for (module, name), value in SHIPPED.items():
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the local engine work in this process, where what a test patches is seen."""
    monkeypatch.setattr(
        dispatch, "run_here", lambda work, shards, workers: ((one, work(one)) for one in shards)
    )
    yield
    faulthandler.cancel_dump_traceback_later()  # a worker that says nothing more is ended


@pytest.fixture(scope="session")
def second_round_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project at o01-i00: 40 photos of 2 faces, a voted seed and a voted, judged first round."""
    root = tmp_path_factory.mktemp("second") / "project"
    root.mkdir()
    project = Project(root)
    ids = project.add_batch("pool", photos=40, per_photo=2, copies=2)
    project.set({"rounds.accepted": "o00-i00", "rounds.candidate": "o01-i00"})
    project.add_queue("o00-i00", ids[:20], validation=10)
    project.add_queue("o01-i00", ids[20:44], validation=12)
    project.vote_truly("o00-i00")
    project.vote_truly("o01-i00")
    project.repro()
    return root


@pytest.fixture
def second_round(
    second_round_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A copy of that project, which is the working folder too."""
    root = tmp_path / "second"
    shutil.copytree(second_round_once, root)
    monkeypatch.chdir(root)
    return Project(root, fresh=False)


@pytest.fixture(scope="session")
def seed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cold start with its first queue drawn and not opened: 24 photos of one face."""
    root = tmp_path_factory.mktemp("seed") / "project"
    root.mkdir()
    project = Project(root)
    project.add_batch("pool", photos=24)
    project.repro()
    return root


@pytest.fixture
def seed(seed_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of that project, which is the working folder too."""
    root = tmp_path / "seed"
    shutil.copytree(seed_once, root)
    monkeypatch.chdir(root)
    return Project(root, fresh=False)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose batch `drawn` was drawn, extracted and embedded once; only to be read."""
    root = tmp_path_factory.mktemp("drawn") / "project"
    root.mkdir()
    made = Project(root)
    made.set({"batches": ["drawn"]})
    raw = root / "data/raw"
    draw_batch(raw / "drawn", raw / "drawn.truth.csv", photos=8, video_seconds=2.0, seed=11)
    twin = raw / "drawn/photos/a-twin.jpg"
    first = sorted(path for path in (raw / "drawn/photos").rglob("*.jpg"))[0]
    twin.write_bytes(first.read_bytes())
    with made.here():
        extract_faces.main("drawn")
        embed.main("drawn")
        neighbours.main("drawn")
        link_duplicates.main("drawn")
    yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a window; where it is not, the test is skipped with the remedy."""
    pytest.importorskip("playwright", reason="no playwright here: pip install playwright")
    if not CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium, or CHROMIUM=/path/to/it")
    with chromium() as one:
        yield one


@pytest.fixture
def warm_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page's server start at once."""
    monkeypatch.setattr(label_project, "PYTHON", f"{warm_commands()}/python")


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a link as somebody with their own browser, whose clock the test moves."""
    with ExitStack() as opened:

        def opening(link: str, **options: Any) -> Any:
            context = browser.new_context(**options)
            opened.callback(context.close)
            page = context.new_page()
            page.clock.install()
            page.set_default_timeout(10_000)
            page.goto(link)
            page.wait_for_url(re.compile(r"/\w+/$"))
            ready(page)
            return page

        yield opening
