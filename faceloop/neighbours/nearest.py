"""The nearest neighbours of every face by cosine."""

from typing import Any, NamedTuple

import numpy as np

from faceloop.base.tables import Rows
from faceloop.neighbours.cells import BLOCK, DECIMALS, LEAF, Reach, cells

NEAREST = 10  # neighbours of a face
REACH = Reach(probes=8, slack=0.2)
# A row is a face and one of its neighbours, by their rows in the face table.
EDGES = {"face": "int32", "neighbour": "int32", "cosine": "float32"}
_SCALE, _PLACES = 10**DECIMALS, 2**32
_NOBODY = np.iinfo(np.int64).min


class Edges(NamedTuple):
    """Faces (m,), a neighbour of each (m,), both as positions, and their cosines (m,)."""

    faces: np.ndarray
    neighbours: np.ndarray
    cosines: np.ndarray


def nearest(embeddings: Rows, rng: np.random.Generator, k: int = NEAREST) -> Edges:
    """Return the k nearest of each face, the nearest first; of those as near the earlier ones.

    Nine in ten are found, the others parted by the boundary of a cell. In float64 and by whole
    numbers, so that unlike processors find the same.

    Args:
        embeddings: of shape (n, d).
        rng: draws the faces that cells are found by.
        k: fewer where there are not so many.
    """
    n, unit = len(embeddings), _Unit(embeddings)
    best = np.full((n, k), _NOBODY)
    for home, visitors in cells(unit, np.arange(n), REACH, rng):
        targets, everyone = home[:LEAF], np.concatenate([home, visitors])
        features = unit[targets]
        for start in range(0, len(everyone), BLOCK):
            rows = everyone[start : start + BLOCK]
            keys = _keys(unit[rows] @ features.T, targets)
            keys[rows[:, None] == targets] = _NOBODY
            best[rows] = _greatest(np.hstack([best[rows], keys]), k)
    return _edges(best)


def nearest_of(points: np.ndarray, embeddings: Rows, k: int = NEAREST) -> Edges:
    """Return the k embeddings nearest to each of a few points (m, d), compared with all."""
    unit, best = _Unit(embeddings), np.full((len(points), k), _NOBODY)
    wanted = _Unit(points)[:]
    for start in range(0, len(embeddings), BLOCK):
        block = slice(start, min(start + BLOCK, len(embeddings)))
        keys = _keys(wanted @ unit[block].T, np.arange(block.start, block.stop))
        best = _greatest(np.hstack([best, keys]), k)
    return _edges(best)


class _Unit:
    """Rows in float64, of length 1."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> np.ndarray:
        wide = self._rows[rows].astype(np.float64)
        return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)


def _keys(cosine: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return whole numbers (m, n) that sort by cosine, rounded, and then by position: no ties."""
    return np.rint(cosine * _SCALE).astype(np.int64) * _PLACES + (_PLACES - 1 - positions)


def _greatest(keys: np.ndarray, k: int) -> np.ndarray:
    return np.partition(keys, keys.shape[1] - k, axis=1)[:, -k:]


def _edges(best: np.ndarray) -> Edges:
    ordered = -np.sort(-best, axis=1)
    faces, rank = np.nonzero(ordered > _NOBODY)
    cosines, left = np.divmod(ordered[faces, rank], _PLACES)
    return Edges(faces, _PLACES - 1 - left, cosines / _SCALE)
