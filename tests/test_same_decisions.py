"""One commit on unlike processors: the same faces are picked, held out and judged, to the byte."""

import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import CLASSES, Project, face_rows, lay_crops
from PIL import Image

from benchmarks.processors import BATCH, DECIDED, PROCESSORS, TRUTH, decide_on, differing, draw
from faceloop.base.storage import EMBEDDINGS_DIR
from faceloop.crops.boxes import BOX
from faceloop.crops.packs import encode_crop
from faceloop.embedding.rows import write_array

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"),
    reason="the settings that stand for another processor are those of x86-64",
)
SHIPPED = {  # of a real round's size, not of the tests' small one
    "sample_validation.size": 40,
    "sample_validation.reserve": 10,
    "sample_uncertain.size": 160,
    "sample_diverse.size": 40,
    "sample_diverse.clusters": 12,
}


def add_pool(project: Project, photos: int = 300, width: int = 64) -> None:
    """Lay a batch whose classes overlap, two faces a photo, each tenth photo there twice."""
    rows, rng = face_rows(BATCH, photos, per_photo=2), np.random.default_rng(0)
    n, twins = len(rows), np.arange(0, photos * 2, 20)
    place = rng.integers(0, 3, n)
    features = rng.normal(size=(n, width)) + 1.5 * np.eye(3, width)[place]
    shades = rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    features[twins + 2] = features[twins] + rng.normal(scale=0.01, size=(len(twins), width))
    shades[twins + 2], place[twins + 2] = shades[twins], place[twins]
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    crops = [Image.fromarray(one).resize((160, 160)) for one in shades]
    truth = rows[["source", "frame", *BOX]].assign(label=np.array(CLASSES)[place])
    with project.here():
        write_array(features.astype(np.float16), EMBEDDINGS_DIR / f"{BATCH}.npy")
        jpegs = map(encode_crop, crops)
        lay_crops(rows, dict(zip(rows["face_id"], jpegs, strict=True)), BATCH)
        Path("data/sources").mkdir()
        truth.to_csv(TRUTH, index=False)


def decided(start: Path, home: Path, from_photos: bool) -> tuple[dict[str, Path], dict[str, Any]]:
    """Decide on each processor in a copy of a project; return the copies, and which kernels did."""
    folders, kernels = {}, {}
    for name in PROCESSORS:
        folders[name] = Path(shutil.copytree(start, home / name))
        kernels[name] = decide_on(name, folders[name], from_photos)
    return folders, kernels


def test_from_embeddings_on_every_byte_is_the_same(project: Project, tmp_path: Path) -> None:
    project.set(SHIPPED)
    add_pool(project)
    folders, kernels = decided(project.root, tmp_path, from_photos=False)
    assert kernels["old"]["blas"] == ["Nehalem"] and kernels["AVX2"]["blas"] == ["Haswell"]
    assert kernels["as it is"]["blas"] != ["Nehalem"]
    assert len({str(one["numpy"]) for one in kernels.values()}) > 1  # or nothing was tested
    assert kernels["old"]["torch"] is None  # it has kernels of its own: no stage here loads it
    first, *others = folders.values()
    assert pd.read_csv(first / "data/queue/diverse.csv").shape[0] == 40
    assert len(pd.read_parquet(first / f"data/duplicates/{BATCH}.parquet")) > 0
    for other in others:
        assert differing(first, other, DECIDED) == []


@pytest.mark.slow
def test_from_photos_on_the_same_faces_are_found_and_picked(tmp_path: Path) -> None:
    draw(tmp_path / "drawn", seed=7)
    folders, kernels = decided(tmp_path / "drawn", tmp_path, from_photos=True)
    assert kernels["old"]["torch"] == "DEFAULT" != kernels["as it is"]["torch"]
    within = ("data/faces", "data/embeddings", *DECIDED)
    first, *others = folders.values()
    for other in others:
        assert differing(first, other, within) == []
