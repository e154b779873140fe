"""Diversity: PCA, k-means, and from each cluster its heart, its edge and a chance few.

After D. Quintana Esteve, Using Active Learning to Improve Ethnic Group Classification (2022):
40 % closest to the centroid, 40 % furthest from it, 20 % at random.
"""

import numpy as np
import pandas as pd

from faceloop.sampling.params import SampleDiverse
from faceloop.statistics.clustering import DECIMALS, seeds

REASONS = ("centroid", "outlier", "random")


def even_quotas(sizes: np.ndarray, total: int) -> np.ndarray:
    """Spread `total` over clusters as evenly as their sizes allow, the larger ones first.

    Returns:
        int of shape (k,), at most `sizes`, of sum min(total, sizes.sum()).
    """
    quotas = np.zeros(len(sizes), dtype=int)
    total = min(total, int(sizes.sum()))
    order = np.argsort(-sizes, kind="stable")
    while (left := total - int(quotas.sum())) > 0:
        room = [place for place in order if quotas[place] < sizes[place]]
        step = max(1, left // len(room))
        for place in room[:left]:
            quotas[place] += min(step, sizes[place] - quotas[place])
    return quotas


def split_quotas(quotas: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Split each cluster's quota by `shares`; what rounding takes from one, the next gives back.

    Returns:
        int of shape (k, len(shares)); rows add up to the quotas, columns to the shares within 1.
    """
    counts = np.zeros((len(quotas), len(shares)), dtype=int)
    owed = np.zeros(len(shares))
    for row, quota in zip(counts, quotas, strict=True):
        owed += np.array(shares) * quota
        for _ in range(quota):
            most = int(np.argmax(owed))
            row[most] += 1
            owed[most] -= 1
    return counts


def spherical_cluster(
    features: np.ndarray, clusters: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's cluster (n,) and its cosine distance to that cluster's direction (n,).

    Spherical k-means (Dhillon and Modha 2001): Lloyd's steps with centroids of length 1.
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    rng = np.random.default_rng(seed)
    centres = seeds(unit, np.ones(len(unit)), min(clusters, len(unit)), rng)
    labels = np.full(len(unit), -1)
    for _ in range(100):
        before, labels = labels, (unit @ centres.T).round(DECIMALS).argmax(axis=1)
        if (labels == before).all():
            break
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, unit)
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(length > 0, sums / np.maximum(length, 1e-12), centres)
    return labels, (1 - (unit * centres[labels]).sum(axis=1)).round(DECIMALS)


def heart_edge_chance(
    labels: np.ndarray,
    distances: np.ndarray,
    size: int,
    settings: SampleDiverse,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Pick `size` faces, evenly over clusters: nearest, furthest and by chance.

    Args:
        labels: the cluster of each face, of shape (n,).
        distances: of each face to its cluster's centroid, of shape (n,).
        size: at most n.
        settings: the three shares.
        rng: for the random share.

    Returns:
        Columns position, reason, cluster, a row a pick.
    """
    names, sizes = np.unique(labels, return_counts=True)
    shares = (settings.centroid, settings.outlier, settings.random)
    counts = split_quotas(even_quotas(sizes, size), shares)
    rows = []
    for name, wanted in zip(names, counts, strict=True):
        members = np.flatnonzero(labels == name)
        members = members[np.argsort(distances[members], kind="stable")]
        for reason, picked in zip(REASONS, _heart_edge_chance(members, wanted, rng), strict=True):
            rows += [(at, reason, int(name)) for at in picked]
    return pd.DataFrame(rows, columns=["position", "reason", "cluster"])


def _heart_edge_chance(
    members: np.ndarray, wanted: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split members, sorted by distance, into the nearest, the furthest and some between."""
    near, far, chance = wanted
    edge = len(members) - far
    between = members[near:edge]
    return members[:near], members[edge:], rng.choice(between, chance, replace=False)
