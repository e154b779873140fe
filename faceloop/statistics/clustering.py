"""Principal components and k-means, in float64: what is picked must not hang on the processor."""

import numpy as np

STEPS = 100  # of Lloyd, at most
STILL = 2e-3  # share of the points that may still move at the end
DECIMALS = 9  # of a squared distance: rounding must not part points that lie as far


def principal_axes(x: np.ndarray) -> np.ndarray:
    """Return the axes (m, d) that rows x (n, d) vary along, the longest first; m = min(n, d)."""
    if len(x) > x.shape[1]:
        return np.linalg.eigh(x.T @ x)[1].T[::-1]
    return np.linalg.svd(x, full_matrices=False)[2]


def principal_components(points: np.ndarray, components: int) -> np.ndarray:
    """Project points (n, d) on at most `components` principal components: float64 (n, c)."""
    points = points.astype(np.float64)
    components = min(components, len(points) - 1, points.shape[1])
    if components < 1:
        return points
    centred = points - points.mean(axis=0)
    return centred @ principal_axes(centred)[:components].T


def squared_distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return squared Euclidean distances (n, m) of points (n, d) to others (m, d)."""
    squares = (points**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    return np.maximum(squares - 2 * points @ others.T, 0).round(DECIMALS)


def seeds(
    points: np.ndarray, weights: np.ndarray, clusters: int, rng: np.random.Generator
) -> np.ndarray:
    """Return points (k, d) to start k-means from, far from each other: greedy k-means++.

    Arthur and Vassilvitskii 2007, The Advantages of Careful Seeding: the next is drawn in
    proportion to its squared distance from those before; of a few drawn, the best one stays.

    Args:
        points: float64 of shape (n, d).
        weights: of shape (n,), not negative.
        clusters: k, at most n.
        rng: of the draws.
    """
    tries = 2 + int(np.log(clusters))
    picked = [_drawn(weights, rng.random(1))[0]]
    left = squared_distances(points, points[picked])[:, 0]
    while len(picked) < clusters:
        drawn = _drawn(weights * left, rng.random(tries))
        after = np.minimum(left[:, None], squared_distances(points, points[drawn]))
        best = int((weights @ after).round(DECIMALS).argmin())
        picked.append(drawn[best])
        left = after[:, best]
    return points[picked]


def _drawn(weights: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Return the positions that chances in [0, 1) fall on, each as wide as its weight."""
    ends = np.cumsum(weights)
    return np.minimum(np.searchsorted(ends, chances * ends[-1], side="right"), len(weights) - 1)


def cluster_points(
    points: np.ndarray,
    clusters: int,
    seed: int,
    weights: np.ndarray | None = None,
    starts: int = 4,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's cluster and its distance to that cluster's centroid: (n,) and (n,).

    Lloyd's steps until all but two points in a thousand stay. Where fewer distinct points than
    clusters are there, some clusters are empty.

    Args:
        points: float64 of shape (n, d); n at least 1.
        clusters: at most; no more than n.
        seed: of the starts.
        weights: of shape (n,), of the points in the centroids; 1 each where there are none.
        starts: how often it is begun anew; the clusters of least spread count.
    """
    rng, weights = np.random.default_rng(seed), np.ones(len(points)) if weights is None else weights
    best, least = None, np.inf
    for _ in range(starts):
        centres = seeds(points, weights, min(clusters, len(points)), rng)
        labels, squares = _lloyd(points, centres, weights)
        if (spread := float((weights * squares).sum().round(DECIMALS))) < least:
            best, least = (labels, np.sqrt(squares)), spread
    if best is None:
        raise ValueError("a point is not finite")
    return best


def _lloyd(
    points: np.ndarray, centres: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cluster of each point and its squared distance to the centroid, (n,) and (n,)."""
    rows, labels = np.arange(len(points)), np.full(len(points), -1)
    for _ in range(STEPS):
        before, labels = labels, squared_distances(points, centres).argmin(axis=1)
        inside = (labels == np.arange(len(centres))[:, None]) * weights  # (k, n)
        totals, sums = inside.sum(axis=1), inside @ points
        centres = np.where(totals[:, None] > 0, sums / np.maximum(totals, 1e-300)[:, None], centres)
        if (labels != before).sum() <= STILL * len(points):
            break
    return labels, squared_distances(points, centres)[rows, labels]
