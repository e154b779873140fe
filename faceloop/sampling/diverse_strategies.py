"""Diversity: from a sample of uncertain faces pick a few that differ, a short function a strategy.

Each takes a `Sample`, sorted by face_id, with how many to pick, the block sample_diverse and a
generator, and returns a table of exactly that many rows: position in the sample, reason, cluster
(missing where there are none). Fewer faces than asked for are all returned.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.model.head import blocks
from faceloop.sampling.diversity import heart_edge_chance, spherical_cluster
from faceloop.sampling.params import SampleDiverse
from faceloop.statistics.clustering import (
    DECIMALS,
    cluster_points,
    principal_components,
    squared_distances,
)

# Picks the first queue, when no model can tell what is uncertain; benchmarks/results/strategies.md
# compares it with others.
COLD_START = "typical"
COMPONENTS = 50  # principal, before k-means: distances tell less the more of them there are
BLOCK = 1024  # faces whose distances to all others are in memory at once


class Sample(NamedTuple):
    """Faces to pick from, and what is known of them.

    Attributes:
        face_ids: str of shape (n,).
        features: float32 of shape (n, d).
        scores: uncertainty in [0, 1] of shape (n,).
        p: the model's probabilities, of shape (n, C).
        labelled: float32 of shape (m, d), features of the faces that have a label.
    """

    face_ids: np.ndarray
    features: np.ndarray
    scores: np.ndarray
    p: np.ndarray
    labelled: np.ndarray


def top(
    sample: Sample, size: int, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """The most uncertain, with no regard to diversity."""
    return _picks(np.argsort(-sample.scores, kind="stable")[:size], "top")


def kmeans(
    sample: Sample, size: int, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """PCA, k-means; of each cluster hearts, edges and a chance few (Quintana Esteve 2022)."""
    points = principal_components(sample.features, COMPONENTS)
    labels, distances = cluster_points(points, settings.clusters, _seed(rng))
    return heart_edge_chance(labels, distances, size, settings, rng)


def spherical_kmeans(
    sample: Sample, size: int, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """The same shares of clusters by cosine (Dhillon and Modha 2001), which the article names."""
    labels, distances = spherical_cluster(sample.features, settings.clusters, _seed(rng))
    return heart_edge_chance(labels, distances, size, settings, rng)


def weighted_kmeans(
    sample: Sample, size: int, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """k-means weighted by uncertainty, the face nearest to each centroid (Zhdanov 2019)."""
    points = principal_components(sample.features, COMPONENTS)
    weights = np.maximum(sample.scores, 1e-6)
    labels, distances = cluster_points(points, size, _seed(rng), weights, starts=1)
    nearest = np.lexsort((distances, labels))
    _, first = np.unique(labels[nearest], return_index=True)
    return _filled(sample, nearest[first], size, "weighted", labels)


def cluster_margin(
    sample: Sample, size: int, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """In turn the most uncertain of each cluster, small ones first (Citovsky et al. 2021)."""
    labels = np.zeros(len(sample.features), dtype=int)
    if len(labels) > 1:
        # Here, for this strategy alone needs it, and it takes a third of a second to import.
        from scipy.cluster.hierarchy import fcluster, linkage

        tree = linkage(sample.features, "average")
        labels = fcluster(tree, settings.clusters, "maxclust") - 1
    by_score = np.argsort(-sample.scores, kind="stable")
    turn = np.empty(len(labels), dtype=int)
    turn[by_score] = pd.Series(labels[by_score]).groupby(labels[by_score]).cumcount()
    order = np.lexsort((labels, np.bincount(labels)[labels], turn))
    return _picks(order[:size], "cluster_margin", labels)


def badge(
    sample: Sample, size: int, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """k-means++ seeding on the loss gradients at the likeliest labels (Ash et al. 2020).

    A gradient is the outer product (p - e) x, so squared distances come from two small products.
    """
    error = sample.p.copy()
    error[np.arange(len(error)), error.argmax(axis=1)] -= 1
    squares = ((error**2).sum(axis=1) * (sample.features**2).sum(axis=1)).round(DECIMALS)
    picked = [int(np.argmax(squares))]
    left = np.full(len(squares), np.inf)
    while len(picked) < size:
        at = picked[-1]
        cross = (error @ error[at]) * (sample.features @ sample.features[at])
        left = np.minimum(left, np.maximum(squares + squares[at] - 2 * cross, 0).round(DECIMALS))
        left[picked] = 0
        picked.append(_draw(left, picked, rng))
    return _picks(np.array(picked), "badge")


def k_center(
    sample: Sample, size: int, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """Greedily the face furthest from all that are labelled or picked (Sener and Savarese 2018)."""
    x = sample.features
    left = np.full(len(x), np.inf)
    if len(sample.labelled):
        for rows in blocks(len(x), BLOCK):
            left[rows] = squared_distances(x[rows], sample.labelled).min(axis=1)
    picked: list[int] = []
    while len(picked) < size:
        picked.append(int(np.argmax(left)))
        left = np.minimum(left, squared_distances(x, x[picked[-1:]])[:, 0])
        left[picked] = -1
    return _picks(np.array(picked), "k_center")


def typical(
    sample: Sample, size: int, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """Of each of `size` clusters the face in the densest place (TypiClust: Hacohen et al. 2022)."""
    labels, _ = cluster_points(sample.features, size, _seed(rng), starts=1)
    spread = np.zeros(len(labels))
    for name in np.unique(labels):
        inside = np.flatnonzero(labels == name)
        spread[inside] = neighbour_distance(sample.features[inside])
    densest = np.lexsort((spread, labels))
    _, first = np.unique(labels[densest], return_index=True)
    return _filled(sample, densest[first], size, "typical", labels)


def neighbour_distance(points: np.ndarray) -> np.ndarray:
    """Return the mean distance (n,) of points (n, d) to their NEIGHBOURS nearest; 0 of one alone.

    The paper's typicality is its inverse.
    """
    near, found = min(NEIGHBOURS, len(points) - 1), np.zeros(len(points))
    for rows in blocks(len(points), BLOCK) if near else ():
        squares = squared_distances(points[rows], points)
        nearest = np.partition(squares, near, axis=1)[:, : near + 1]  # itself among them, at 0
        found[rows] = np.sqrt(nearest).sum(axis=1) / near
    return found.round(DECIMALS)


NEIGHBOURS = 20  # that the paper's typicality looks at
Strategy = Callable[[Sample, int, SampleDiverse, np.random.Generator], pd.DataFrame]
STRATEGIES: dict[str, Strategy] = {
    "top": top,
    "kmeans": kmeans,
    "spherical_kmeans": spherical_kmeans,
    "weighted_kmeans": weighted_kmeans,
    "cluster_margin": cluster_margin,
    "badge": badge,
    "k_center": k_center,
    "typical": typical,
}


def pick_diverse(
    strategy: str, sample: Sample, settings: SampleDiverse, rng: np.random.Generator
) -> pd.DataFrame:
    """Pick exactly `settings.size` faces, or all where there are fewer, by `strategy`.

    Returns:
        Columns position (row of the sample), reason, cluster; sorted by position. The pick does
        not depend on the order of the sample's rows.

    Raises:
        ValueError: a feature, score or probability is NaN.
    """
    if any(np.isnan(values).any() for values in sample[1:]):
        raise ValueError("a feature, score or probability is NaN")
    size = min(settings.size, len(sample.face_ids))
    if size == 0:
        return _picks(np.array([], dtype=int), strategy)
    by_id = np.argsort(sample.face_ids)
    ordered = sample._replace(
        face_ids=sample.face_ids[by_id],
        features=sample.features[by_id].astype(np.float64),
        labelled=sample.labelled.astype(np.float64),
        scores=sample.scores[by_id],
        p=sample.p[by_id],
    )
    picks = STRATEGIES[strategy](ordered, size, settings, rng)
    return picks.assign(position=by_id[picks["position"]]).sort_values(
        "position", ignore_index=True
    )


def _picks(positions: np.ndarray, reason: str, clusters: np.ndarray | None = None) -> pd.DataFrame:
    places = (
        pd.array([pd.NA] * len(positions), "Int64") if clusters is None else clusters[positions]
    )
    return pd.DataFrame({"position": positions, "reason": reason, "cluster": places})


def _filled(
    sample: Sample, picked: np.ndarray, size: int, reason: str, labels: np.ndarray
) -> pd.DataFrame:
    """Fill up to `size` with the most uncertain left: equal faces leave clusters empty."""
    others = np.argsort(-sample.scores, kind="stable")
    others = others[~np.isin(others, picked)]
    return _picks(np.concatenate([picked, others])[:size], reason, labels)


def _draw(weights: np.ndarray, picked: list[int], rng: np.random.Generator) -> int:
    """Draw a position in proportion to its weight; where all is 0, the first that is not picked."""
    if (total := weights.sum()) > 0:
        return int(rng.choice(len(weights), p=weights / total))
    return int(np.setdiff1d(np.arange(len(weights)), picked)[0])


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
