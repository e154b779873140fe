"""Coverage: how much of the pool lies far from anything labelled."""

import numpy as np

from faceloop.statistics.clustering import cluster_points

BLOCK = 4096  # faces at a time
DECIMALS = 6  # of a cosine distance: what is far must not hang on how a processor rounds


def typical_distance(features: np.ndarray, clusters: int, rng: np.random.Generator) -> float:
    """Return the median cosine distance of two faces of one k-means cluster.

    A face whose nearest labelled face is further away than that has no labelled face as near as
    any chance member of its own cluster.

    Args:
        features: float32 of shape (n, d), of length 1; n at least 1.
        clusters: of k-means.
        rng: of k-means and of the pairs: each face beside a random member of its cluster.
    """
    features = features.astype(np.float64)
    labels, _ = cluster_points(features, clusters, int(rng.integers(2**31)))
    partner = np.arange(len(features))
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        shuffled = rng.permutation(members)
        partner[shuffled] = np.roll(shuffled, 1)
    paired = partner != np.arange(len(features))
    if not paired.any():
        return 0.0
    distances = 1 - (features[paired] * features[partner[paired]]).sum(axis=1)
    return float(np.median(distances).round(DECIMALS))


def nearest_distance(features: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return the cosine distance (n,) of each face to the nearest labelled one.

    Time grows with n times the number of labelled faces; memory with that number alone.

    Args:
        features, labelled: float32 of shape (n, d) and (m, d), of length 1; m at least 1.
    """
    nearest, others = np.empty(len(features)), labelled.astype(np.float64).T
    for start in range(0, len(features), BLOCK):
        rows = slice(start, start + BLOCK)
        nearest[rows] = 1 - (features[rows].astype(np.float64) @ others).max(axis=1)
    return nearest.round(DECIMALS)
