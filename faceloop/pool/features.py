"""Embeddings on disk, read a few rows at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import EMBEDDINGS_DIR, present, read_parquet
from faceloop.crops.face_table import read_batch

NEIGHBOURS_DIR, PREDICTED_DIR = Path("data/neighbours"), Path("data/predicted")
GATHERED = 4096  # rows picked from one memory map: it holds every page that they lie on


def read_embeddings(batch: str) -> np.ndarray:
    """Return a batch's embeddings, memory-mapped, of shape (n_faces, d), in its table's order.

    Raises:
        FaceloopError: there are none yet.
    """
    return np.load(present(EMBEDDINGS_DIR / f"{batch}.npy"), mmap_mode="r", allow_pickle=False)


class StoredEmbeddings:
    """A batch's embeddings on disk, of shape (n_faces, d): rows are read when they are asked for.

    A memory map that is kept would count as memory every page that was ever read, so that each
    answer closes its own: one pass over 10,000,000 faces holds a block of them at a time.
    """

    def __init__(self, batch: str) -> None:
        self._batch = batch
        self.shape = read_embeddings(batch).shape

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return a copy of rows: a slice, or positions of shape (m,), in their order."""
        if isinstance(rows, slice):
            return np.array(read_embeddings(self._batch)[rows])
        parts = [rows[start : start + GATHERED] for start in range(0, max(len(rows), 1), GATHERED)]
        return np.concatenate([read_embeddings(self._batch)[part] for part in parts])


def read_neighbours(batch: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edges of a batch's neighbour graph: faces, neighbours, cosines, of shape (m,).

    Raises:
        FaceloopError: they are not there yet.
    """
    table = read_parquet(NEIGHBOURS_DIR / f"{batch}.parquet")
    return table["face"].to_numpy(), table["neighbour"].to_numpy(), table["cosine"].to_numpy()


def read_predicted(round_name: str) -> np.ndarray:
    """Return what a round's model says of each face of its pool, of shape (n_faces, C).

    Raises:
        FaceloopError: it is not there yet.
    """
    return read_parquet(PREDICTED_DIR / f"{round_name}.parquet").to_numpy()


def embedding_width(batches: Sequence[str]) -> int:
    """Return d, the width of the batches' embeddings (1 where no batch holds a face).

    Raises:
        FaceloopError: the widths differ: some were made with another embedder.
    """
    shapes = [read_embeddings(batch).shape for batch in batches]
    widths = {d for n, d in shapes if n}
    if len(widths) > 1:
        raise FaceloopError(f"embeddings of several widths {sorted(widths)}: run 'dvc repro'")
    return widths.pop() if widths else 1


def read_features(faces: pd.DataFrame, batches: Sequence[str]) -> np.ndarray:
    """Return the embeddings of just these faces: float32 of shape (n, d), in their order.

    Args:
        faces: columns batch, face_id.
        batches: those of params.yaml, which tell d also where there is no face.

    Raises:
        FaceloopError: a face is in no table, or the batches' embeddings differ in width.
    """
    features = np.zeros((len(faces), embedding_width(batches)), dtype=np.float32)
    batch_of, face_ids = faces["batch"].to_numpy(), faces["face_id"].to_numpy()
    for batch in np.unique(batch_of):
        rows = np.flatnonzero(batch_of == batch)
        place = places_of(face_ids[rows], batch)
        features[rows] = StoredEmbeddings(batch)[place]
    return features


def places_of(face_ids: np.ndarray, batch: str) -> np.ndarray:
    """Return the rows (n,) of faces in their batch's table.

    Raises:
        FaceloopError: a face is not there.
    """
    known = read_batch(batch, ["face_id"])["face_id"]
    # The few are looked for among the many: an index of ten million ids would take a gigabyte.
    here = np.flatnonzero(known.isin(face_ids))
    place = pd.Index(known.iloc[here]).get_indexer(face_ids)
    if (place < 0).any():
        missing = face_ids[place < 0][0]
        raise FaceloopError(f"face {missing} is not in batch {batch}: run 'dvc repro'")
    return here[place]
