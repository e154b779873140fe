"""Near neighbours among many embeddings, without comparing each with all."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from faceloop.base.tables import Rows

LEAF = 1024  # faces of a cell that are compared with each other
BRANCHES = 64  # cells that a larger one is split into, at most
SAMPLED, STEPS = 64, 3  # faces a cell that its centre is found by, and steps of k-means
PROBES, SLACK = 3, 0.05  # cells that a face is looked for in: those as near, but for so much cosine
# A cell that is still larger after so many splits holds near-identical faces: each of them is
# compared with its first LEAF faces alone.
DEPTH = 5
BLOCK = 8192  # faces compared with centres or with a cell at a time
MIN_COSINE = 0.8  # of a pair; crops of others are not compared: that means reading both
DECIMALS = 9  # of a cosine: rounding must not part faces that lie as near
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
    Neighbor Algorithms) of k-means cells. Time grows as n log n; a few of the pairs that a
    boundary parts are missed.

    Args:
        embeddings: of shape (n, d), of length 1.
        rows: positions of the faces that are compared, ascending.
        min_cosine: of a pair.
        rng: draws the faces that centres are found by.

    Returns:
        Each pair once, sorted by the later face, then by the earlier.
    """
    found = [np.zeros(0, dtype=np.int64)]
    for home, visitors in cells(embeddings, rows, rng):
        for one, other in _pairs_of_cell(embeddings, home, visitors, min_cosine):
            found.append(np.maximum(one, other) * len(embeddings) + np.minimum(one, other))
    later, earlier = np.divmod(np.unique(np.concatenate(found)), max(len(embeddings), 1))
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
        centres = _centres(embeddings, home, rng)
        at_home = _nearest(embeddings, home, centres)
        guests = _nearest(embeddings, visitors, centres)
        for at in np.unique(at_home[:, 0]):
            near = [home[(at_home[:, 1:] == at).any(axis=1)], visitors[(guests == at).any(axis=1)]]
            waiting.append((home[at_home[:, 0] == at], np.concatenate(near), depth + 1))


def _centres(embeddings: Rows, home: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return centres (k, d) of length 1 for a cell's parts: spherical k-means on some of it."""
    clusters = min(BRANCHES, 2 * len(home) // LEAF)
    some = rng.choice(home, min(SAMPLED * clusters, len(home)), replace=False)
    points = embeddings[np.sort(some)].astype(np.float64)
    centres = points[rng.choice(len(points), clusters, replace=False)]
    for _ in range(STEPS):
        nearest = (points @ centres.T).round(DECIMALS).argmax(axis=1)
        for at in np.unique(nearest):
            total = points[nearest == at].sum(axis=0)
            centres[at] = total / max(float(np.linalg.norm(total)), 1e-9)
    return centres


def _nearest(embeddings: Rows, rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return (n, PROBES): each face's nearest centre, then the next as near, or -1."""
    probes = min(PROBES, len(centres))
    found = np.empty((len(rows), probes), dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        cosine = (embeddings[rows[block]].astype(np.float64) @ centres.T).round(DECIMALS)
        near = np.argsort(-cosine, axis=1, kind="stable")[:, :probes]
        values = np.take_along_axis(cosine, near, axis=1)
        found[block] = np.where(values < values[:, :1] - SLACK, -1, near)
    return found


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
