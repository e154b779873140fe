"""Which of the faces that lie near each other are one picture twice: told by their crops."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from faceloop.duplicates.pairs import Pairs

SMALL_PX, INNER_PX = 24, 16  # of a crop made small, and of the part that is compared: the face
SIMILARITY_DECIMALS = 6  # what is stored, and judged


class Links(NamedTuple):
    """Positions (m,) of copies and of the faces that they nearly repeat; their similarity (m,)."""

    copies: np.ndarray
    originals: np.ndarray
    similarity: np.ndarray


def small_crop(crop: Image.Image) -> np.ndarray:
    """Return a crop as uint8 grey of shape (24, 24): what `likeness` compares."""
    return np.asarray(crop.convert("L").resize((SMALL_PX, SMALL_PX), Image.Resampling.BOX))


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of one small crop's middle with the part of the other most like it.

    A detector finds the face of a picture that was scaled or compressed anew a few px aside: crops
    that are not laid over each other first differ more than those of two people may.

    Args:
        one, other: of `small_crop`.
    """
    edge = (SMALL_PX - INNER_PX) // 2
    middle = _centred(one[edge : edge + INNER_PX, edge : edge + INNER_PX].reshape(1, -1))
    parts = _centred(sliding_window_view(other, (INNER_PX, INNER_PX)).reshape(-1, INNER_PX**2))
    return round(float((parts @ middle[0]).max()), SIMILARITY_DECIMALS)


def _centred(parts: np.ndarray) -> np.ndarray:
    """Return rows of mean 0 and length 1: their products are correlations."""
    centred = parts - parts.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)


def link_copies(pairs: Pairs, small_crops: np.ndarray, min_similarity: float) -> Links:
    """Link each face to the earliest that it nearly repeats; an original is never itself a copy.

    Where a face that lies near is a copy, its original stands for it, and is compared in its turn:
    likeness does not creep along a chain of small steps.

    Args:
        pairs: positions of faces, sorted by the later one.
        small_crops: of shape (n, 24, 24), a crop a position.
        min_similarity: least likeness of one picture twice.
    """
    original: dict[int, int] = {}
    similarity: dict[int, float] = {}
    near: dict[int, list[int]] = defaultdict(list)
    for earlier, later in zip(pairs.earlier.tolist(), pairs.later.tolist(), strict=True):
        near[later].append(earlier)
    for copy, faces in near.items():
        for one in sorted({original.get(face, face) for face in faces}):
            alike = likeness(small_crops[one], small_crops[copy])
            if alike >= min_similarity:
                original[copy], similarity[copy] = one, alike
                break
    return Links(
        np.array(list(original), dtype=np.int64),
        np.array(list(original.values()), dtype=np.int64),
        np.array(list(similarity.values()), dtype=np.float64),
    )
