"""Pairs of faces that lie near each other, without comparing each with all."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from faceloop.base.tables import Rows
from faceloop.neighbours.cells import BLOCK, DECIMALS, LEAF, Reach, cells

MIN_COSINE = 0.8  # of a pair; crops of others are not compared: that means reading both
REACH = Reach(probes=3, slack=0.05)  # copies lie nearer to each other than cells are wide
NEAREST = 4  # earlier faces of a cell that one face may be paired with


class Pairs(NamedTuple):
    """Positions (m,) of two faces that lie near each other, the earlier and the later one."""

    earlier: np.ndarray
    later: np.ndarray


def near_pairs(
    embeddings: Rows, rows: np.ndarray, min_cosine: float, rng: np.random.Generator
) -> Pairs:
    """Return pairs of faces of at least this cosine: for each face its nearest earlier few.

    Cell by cell: a few of the pairs that a boundary parts are missed.

    Args:
        embeddings: of shape (n, d), of length 1.
        rows: positions of the faces that are compared, ascending.
        min_cosine: of a pair.
        rng: draws the faces that centres are found by.

    Returns:
        Each pair once, sorted by the later face, then by the earlier.
    """
    found = [np.zeros(0, dtype=np.int64)]
    for home, visitors in cells(embeddings, rows, REACH, rng):
        for one, other in _pairs_of_cell(embeddings, home, visitors, min_cosine):
            found.append(np.maximum(one, other) * len(embeddings) + np.minimum(one, other))
    later, earlier = np.divmod(np.unique(np.concatenate(found)), max(len(embeddings), 1))
    return Pairs(earlier, later)


def _pairs_of_cell(
    embeddings: Rows, home: np.ndarray, visitors: np.ndarray, min_cosine: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions (m,) of faces, and of those among LEAF at home that lie NEAREST to each."""
    targets = home[:LEAF]
    features = embeddings[targets].astype(np.float64)
    everyone, at_home = np.concatenate([home, visitors]), len(home)
    for start in range(0, len(everyone), BLOCK):
        rows = everyone[start : start + BLOCK]
        cosine = (embeddings[rows].astype(np.float64) @ features.T).round(DECIMALS)
        # At home the earlier face is looked for; a visitor's pair is told nowhere else.
        same_side = (np.arange(start, start + len(rows)) < at_home)[:, None]
        cosine[same_side & (targets >= rows[:, None])] = -np.inf
        last = -min(NEAREST, len(targets))
        least = np.maximum(np.partition(cosine, last, axis=1)[:, last], min_cosine)
        who, which = np.nonzero(cosine >= least[:, None])
        # Of those that lie as near as the last, the earlier ones.
        order = np.lexsort((which, -cosine[who, which], who))
        who, which = who[order], which[order]
        kept = np.arange(len(who)) - np.searchsorted(who, who) < NEAREST
        yield rows[who[kept]], targets[which[kept]]
