"""Cells of embeddings that lie near each other: faces are compared within, not each with all.

A spill tree (Liu, Moore, Gray and Yang 2004, An Investigation of Practical Approximate Nearest
Neighbor Algorithms) of k-means cells, in float64 and to a fixed number of decimals: on unlike
processors a face lies in the same cells. Time grows as n log n.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from faceloop.base.tables import Rows

LEAF = 1024  # faces of a cell that are compared with each other
BRANCHES = 64  # cells that a larger one is split into, at most
SAMPLED, STEPS = 64, 3  # faces a cell that its centre is found by, and steps of k-means
# A cell that is still larger after so many splits holds near-identical faces: each of them is
# compared with its first LEAF faces alone.
DEPTH = 5
BLOCK = 8192  # faces compared with centres at a time
DECIMALS = 9  # of a cosine: rounding must not part faces that lie as near


class Reach(NamedTuple):
    """How many cells a face is looked for in: those as near, but for `slack` of cosine."""

    probes: int
    slack: float


def cells(
    embeddings: Rows, rows: np.ndarray, reach: Reach, rng: np.random.Generator
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
        at_home = _nearest(embeddings, home, centres, reach)
        guests = _nearest(embeddings, visitors, centres, reach)
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


def _nearest(embeddings: Rows, rows: np.ndarray, centres: np.ndarray, reach: Reach) -> np.ndarray:
    """Return (n, probes): each face's nearest centre, then the next as near, or -1."""
    probes = min(reach.probes, len(centres))
    found = np.empty((len(rows), probes), dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        cosine = (embeddings[rows[block]].astype(np.float64) @ centres.T).round(DECIMALS)
        near = np.argsort(-cosine, axis=1, kind="stable")[:, :probes]
        values = np.take_along_axis(cosine, near, axis=1)
        found[block] = np.where(values < values[:, :1] - reach.slack, -1, near)
    return found
