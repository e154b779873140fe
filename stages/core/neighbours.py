"""Near neighbours among many embeddings, without comparing each with all."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stages.core.records import Rows

LEAF = 1024  # faces of a cell that are compared with each other
BRANCHES = 64  # cells that a larger one is split into, at most
# A cell that is still larger after so many splits holds near-identical faces: each of them is
# compared with its first LEAF faces alone.
DEPTH = 5
BLOCK = 8192  # faces compared with pivots or with a leaf at a time
SLACK = 0.1  # of cosine; a face that is nearer to its pivot than to the next by less visits both
NEAREST = 4  # earlier faces of a cell that one face may be paired with


class Pairs(NamedTuple):
    """Positions (m,) of two faces that lie near each other, the earlier and the later one."""

    earlier: np.ndarray
    later: np.ndarray


def near_pairs(
    embeddings: Rows, rows: np.ndarray, min_cosine: float, rng: np.random.Generator
) -> Pairs:
    """Return pairs of faces of at least this cosine: for each face its nearest earlier few.

    A spill tree (Liu, Moore, Gray and Yang 2004, An Investigation of Practical Approximate Nearest
    Neighbor Algorithms) whose cells lie around faces drawn by chance. Time grows as n log n; some
    pairs that a boundary parts are missed.

    Args:
        embeddings: of shape (n, d), of length 1.
        rows: positions of the faces that are compared, ascending.
        min_cosine: of a pair.
        rng: draws the faces that cells lie around.

    Returns:
        Each pair once, sorted by the later face, then by the earlier.
    """
    found = [np.zeros((0, 2), dtype=np.int64)]
    for home, visitors in cells(embeddings, rows, rng):
        found += _pairs_of_cell(embeddings, home, visitors, min_cosine)
    later, earlier = np.unique(np.concatenate(found), axis=0).T
    return Pairs(earlier, later)


def cells(
    embeddings: Rows, rows: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each cell's own faces, ascending, and its visitors: others that lie near its edge.

    Every face is at home in one cell.
    """
    waiting = [(rows, rows[:0], 0)]
    while waiting:
        home, visitors, depth = waiting.pop()
        if len(home) <= LEAF or depth == DEPTH:
            yield home, visitors
            continue
        drawn = rng.choice(home, min(BRANCHES, 2 * len(home) // LEAF), replace=False)
        pivots = embeddings[drawn].astype(np.float32)
        home_near, home_next = _two_nearest(embeddings, home, pivots)
        near, also = _two_nearest(embeddings, visitors, pivots)
        for at in range(len(pivots)):
            guests = [home[home_next == at], visitors[near == at], visitors[also == at]]
            waiting.append((home[home_near == at], np.concatenate(guests), depth + 1))


def _two_nearest(
    embeddings: Rows, rows: np.ndarray, pivots: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each face's nearest pivot, and the next where it is as near but for SLACK, or -1."""
    near, also = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        cosine = embeddings[rows[block]].astype(np.float32) @ pivots.T
        here = np.arange(len(cosine))
        near[block] = cosine.argmax(axis=1)
        first = cosine[here, near[block]]
        cosine[here, near[block]] = -np.inf
        also[block] = cosine.argmax(axis=1)
        also[block][first - cosine[here, also[block]] > SLACK] = -1
    return near, also


def _pairs_of_cell(
    embeddings: Rows, home: np.ndarray, visitors: np.ndarray, min_cosine: float
) -> Iterator[np.ndarray]:
    """Yield pairs (m, 2), the later face first: each face beside its NEAREST among LEAF at home."""
    targets = home[:LEAF]
    features = embeddings[targets].astype(np.float32)
    everyone, at_home = np.concatenate([home, visitors]), len(home)
    for start in range(0, len(everyone), BLOCK):
        rows = everyone[start : start + BLOCK]
        cosine = embeddings[rows].astype(np.float32) @ features.T
        # At home the earlier face is looked for; a visitor's pair is told nowhere else.
        same_side = (np.arange(start, start + len(rows)) < at_home)[:, None]
        cosine[same_side & (targets >= rows[:, None])] = -np.inf
        near = np.argpartition(-cosine, min(NEAREST, len(targets)) - 1, axis=1)[:, :NEAREST]
        who, which = np.nonzero(np.take_along_axis(cosine, near, axis=1) >= min_cosine)
        pair = np.column_stack([rows[who], targets[near[who, which]]])
        yield np.sort(pair, axis=1)[:, ::-1]
