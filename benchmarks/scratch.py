"""A scratch project: the shipped params with some changes, a batch of files, the real stages."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from faceloop.base.rounds import PRIOR, SEED_ROUND
from faceloop.base.storage import DUPLICATES_DIR, EMBEDDINGS_DIR, FACES_DIR
from faceloop.commands.rounds.edit_params import edit_params
from faceloop.faces.batch_files import RAW_DIR
from faceloop.pool.features import NEIGHBOURS_DIR
from stages import embed, extract_faces, link_duplicates, neighbours, sample_jury

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
EMBEDDER = ROOT.parent / "shared" / "weights" / "face_reid_0095_256d.onnx"

START = {
    "rounds.accepted": PRIOR,
    "rounds.candidate": SEED_ROUND,
    "rounds.rejected": [],
    "rounds.without_gain": 0,
}


@contextmanager
def project(folder: Path, changes: Mapping[str, Any]) -> Iterator[None]:
    """Work inside `folder`, a project without labels; what stages print goes to stderr.

    Args:
        folder: made where it is missing; its data/ is kept.
        changes: values of params.yaml by dotted key, such as `extract_faces.margin`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
    lay_code(folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(sys.stderr):
            edit_params(START | dict(changes))
            yield
    finally:
        os.chdir(before)


def lay_code(folder: Path) -> None:
    """Link into a project what a stage that is run as a command wants there."""
    for name in ("dvc.yaml", "engine.yaml", "stages"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(ROOT / name)


def lay_embedder(folder: Path) -> None:
    """Copy the shared embedder into a folder, and what it wants of its pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(EMBEDDER, folder / EMBEDDER.name)
    wanted = "channels: bgr\nmean: 0.0\nscale: 1.0\n"
    (folder / EMBEDDER.name).with_suffix(".yaml").write_text(wanted, encoding="utf-8")


def link_batch(batch: str, sources: Iterable[Path]) -> None:
    """Make `data/raw/<batch>` a folder of `sources`, which take no room where they are near."""
    folder = RAW_DIR / batch
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in sources:
        try:
            (folder / source.name).hardlink_to(source.resolve())
        except OSError:  # on another disk
            shutil.copyfile(source, folder / source.name)


def extract_once(batch: str) -> None:
    """Run extract_faces, unless this scratch project holds the batch's faces already."""
    if not (FACES_DIR / f"{batch}.parquet").is_file():
        extract_faces.main(batch)


def embed_once(batch: str) -> None:
    """Run embed and what follows on it, unless this scratch project holds their outs already."""
    if not (EMBEDDINGS_DIR / f"{batch}.npy").is_file():
        embed.main(batch)
    if not (NEIGHBOURS_DIR / f"{batch}.parquet").is_file():
        neighbours.main(batch)
    if not (DUPLICATES_DIR / f"{batch}.parquet").is_file():
        link_duplicates.main(batch)
    sample_jury.main(batch)
