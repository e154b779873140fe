"""The jury: photos and tracks set aside when a batch opens, so that every round is judged fairly.

A label closes its whole photo to judging, and pickers like crowds and hard faces: what no model
has seen is soon no sample of the batch. So groups are dealt at random, before anyone labels, to
those that faces are picked from and to numbered lots that are not. A round is judged by the next
lots. Each lot, and all lots together, are a stratified random sample of the batch's groups.
"""

import math

import numpy as np

from faceloop.base.tables import Rows
from faceloop.statistics.clustering import cluster_points, squared_distances

LEARNS = -1  # in place of a lot: faces may be picked from this group
STRATA = 10  # of groups that show as many faces and look alike
LEAST_SLOTS = 16  # lots and the like of them that learn; of fewer, a small batch had too few rounds
PART = 8  # a round takes an eighth of the lots left, or as many as it needs faces of
CLUSTERS = 12
MOST_CLUSTERED = 5000  # groups, drawn at random; the others go to the nearest centroid
AT_A_TIME = 65_536  # groups whose embeddings are in memory at once


def set_aside(
    sizes: np.ndarray, clusters: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Deal groups to lots and to learning: the lot (n,), or LEARNS, and the stratum (n,) of each.

    Groups are listed by how many faces they show (in steps of a factor of two) and by cluster, in
    random order within; of every so many neighbours each slot gets one by chance. A group is as
    likely as any other to come into each lot, whatever its size (Särndal et al., Model Assisted
    Survey Sampling, 1992, sections 3.7 and 4.3).

    Args:
        sizes: int of shape (n,), faces of each group, at least one.
        clusters: int of shape (n,), of `clusters_of`.
        share: of the groups, in (0, 1), that are set aside; rounded up to a whole lot.
        rng: of the order and the slots.
    """
    n = len(sizes)
    slots = min(max(LEAST_SLOTS, n // STRATA), max(n, 1))
    listed = np.lexsort((rng.random(n), clusters, np.floor(np.log2(sizes)))) if n else sizes
    dealt = [rng.permutation(slots) for _ in range(-(-n // slots))]
    lots, strata = np.empty(n, dtype=int), np.empty(n, dtype=int)
    lots[listed] = np.concatenate([*dealt, np.empty(0, dtype=int)])[:n]
    strata[listed] = np.arange(n) // slots
    lots[lots >= math.ceil(share * slots)] = LEARNS
    return lots, strata


def clusters_of(embeddings: Rows, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the k-means cluster (n,) of some rows of the embeddings, a block in memory at a time.

    Args:
        embeddings: of the whole batch.
        rows: int of shape (n,): a face of each group.
        rng: of the faces that are clustered, and of k-means.
    """
    few = np.sort(rng.choice(len(rows), min(MOST_CLUSTERED, len(rows)), replace=False))
    if len(few) == 0:
        return few
    points = np.asarray(embeddings[rows[few]], dtype=np.float64)
    found, _ = cluster_points(points, CLUSTERS, int(rng.integers(2**31)), starts=1)
    centres = np.array([points[found == one].mean(axis=0) for one in np.unique(found)])
    blocks = [rows[start : start + AT_A_TIME] for start in range(0, len(rows), AT_A_TIME)]
    return np.concatenate(
        [
            squared_distances(np.asarray(embeddings[some], dtype=np.float64), centres).argmin(1)
            for some in blocks
        ]
    )


def next_lots(lots: np.ndarray, size: int) -> np.ndarray:
    """Return which faces (n,) a round draws from: those of the first few lots.

    An eighth of the lots, so that early rounds are judged by many photos and late ones still by
    some; more where these hold fewer than `size` faces.

    Args:
        lots: int of shape (n,), of each face that waits to judge; LEARNS for all others.
        size: faces wanted.
    """
    left, faces = np.unique(lots[lots != LEARNS], return_counts=True)
    enough = int(np.searchsorted(np.cumsum(faces), size)) + 1
    return np.isin(lots, left[: max(enough, math.ceil(len(left) / PART))])
