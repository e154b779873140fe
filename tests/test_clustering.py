"""Principal components and k-means, against their definitions and scikit-learn's."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from faceloop.statistics.clustering import (
    cluster_points,
    principal_axes,
    principal_components,
    seeds,
    squared_distances,
)


def blobs(n: int, d: int = 8, k: int = 4) -> np.ndarray:
    noise = np.random.default_rng(0).normal(scale=0.2, size=(n, d))
    return noise + 5 * np.eye(k, d)[np.arange(n) % k]


def spread(points: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """The weighted squared distances to each cluster's weighted mean, written out."""
    total = 0.0
    for name in set(labels):
        inside, weight = points[labels == name], weights[labels == name]
        centre = (weight[:, None] * inside).sum(axis=0) / weight.sum()
        total += (weight * ((inside - centre) ** 2).sum(axis=1)).sum()
    return total


def test_distances_are_to_the_mean_of_the_cluster() -> None:
    points = blobs(60, d=3, k=3)
    labels, distances = cluster_points(points, 3, seed=0)
    for name in range(3):
        inside = points[labels == name]
        expected = np.linalg.norm(inside - inside.mean(axis=0), axis=1)
        np.testing.assert_allclose(distances[labels == name], expected, rtol=1e-4)


def test_pca_keeps_what_varies_most() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 6)) * [9, 5, 0.01, 0.01, 0.01, 0.01]
    points = principal_components(features, 2)
    assert points.shape == (40, 2)
    centred = features - features.mean(axis=0)
    assert points.var(axis=0).sum() == pytest.approx(centred.var(axis=0)[:2].sum(), rel=0.01)


@pytest.mark.parametrize(
    ("n", "components", "width"), [(1, 5, 6), (2, 5, 1), (4, 5, 3), (40, 9, 6)]
)
def test_pca_takes_no_more_components_than_there_are(n: int, components: int, width: int) -> None:
    features = np.random.default_rng(0).normal(size=(n, 6))
    assert principal_components(features, components).shape == (n, width)


@pytest.mark.parametrize("shape", [(12, 30), (50, 9)])
def test_components_are_scikit_learns_but_for_their_signs(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(0).normal(size=shape)
    theirs = PCA(4, svd_solver="full").fit_transform(features)
    np.testing.assert_allclose(np.abs(principal_components(features, 4)), np.abs(theirs))


@pytest.mark.parametrize("shape", [(3, 7), (20, 7)])
def test_axes_are_of_length_1_and_stand_upright(shape: tuple[int, int]) -> None:
    axes = principal_axes(np.random.default_rng(0).normal(size=shape))
    np.testing.assert_allclose(axes @ axes.T, np.eye(min(shape)), atol=1e-12)


def test_distances_are_those_written_out() -> None:
    points, others = blobs(12), blobs(5)
    expected = ((points[:, None] - others) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(points, others), expected, atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_spread_no_more_than_scikit_learns(weighted: bool) -> None:
    points, rng = np.random.default_rng(0).normal(size=(400, 6)), np.random.default_rng(1)
    weights = rng.uniform(size=400) if weighted else np.ones(400)
    ours, theirs = [], []
    for seed in range(8):
        ours.append(spread(points, cluster_points(points, 20, seed, weights)[0], weights))
        model = KMeans(20, n_init=4, random_state=seed).fit(points, sample_weight=weights)
        theirs.append(spread(points, model.labels_, weights))
    assert np.mean(ours) < 1.01 * np.mean(theirs)


def test_a_point_of_great_weight_is_a_cluster_of_its_own() -> None:
    points = np.random.default_rng(0).normal(size=(60, 2))
    labels, distances = cluster_points(points, 5, 0, np.r_[1e6, np.ones(59)])
    assert distances[0] < 1e-3


def test_seeds_are_points_and_far_from_each_other() -> None:
    points = blobs(40)
    found = seeds(points, np.ones(40), 4, np.random.default_rng(0))
    assert squared_distances(found, points).min(axis=1).max() == 0
    assert (squared_distances(found, found) + 100 * np.eye(4)).min() > 20


def test_a_point_without_weight_is_no_seed_however_far() -> None:
    points, weights = np.array([[0.0], [1.0], [100.0]]), np.array([1.0, 1.0, 0.0])
    for seed in range(10):
        found = seeds(points, weights, 2, np.random.default_rng(seed))
        assert sorted(found[:, 0]) == [0, 1]


def test_of_a_few_points_drawn_the_one_that_leaves_the_least_spread_is_a_seed() -> None:
    rng = np.random.default_rng(3)
    points, weights = rng.normal(size=(30, 2)), rng.random(30)

    def spread(chosen: list[int]) -> list[float]:
        return [min(((one - points[at]) ** 2).sum() for at in chosen) for one in points]

    def drawn(chances: np.ndarray, draw: float) -> int:
        return next(at for at in range(30) if draw * chances.sum() < chances[: at + 1].sum())

    for seed in range(5):
        rng = np.random.default_rng(seed)
        chosen = [drawn(weights, rng.random())]
        for _ in range(4):
            left = weights * spread(chosen)
            some = [drawn(left, chance) for chance in rng.random(2 + int(np.log(5)))]
            chosen.append(min(some, key=lambda at: weights @ spread([*chosen, at])))  # noqa: B023
        found = seeds(points, weights, 5, np.random.default_rng(seed))
        np.testing.assert_allclose(found, points[chosen])


def test_equal_points_fill_one_cluster() -> None:
    labels, distances = cluster_points(np.ones((9, 3)), 4, seed=0)
    assert len(set(labels)) == 1 and not distances.any()


def test_what_differs_in_its_last_bits_is_clustered_alike() -> None:
    points = np.random.default_rng(0).normal(size=(300, 20))
    nudged = points * (1 + np.random.default_rng(1).choice([-1, 1], points.shape) * 2.0**-52)
    for seed in range(20):
        one, other = (cluster_points(each, 60, seed, starts=1)[0] for each in (points, nudged))
        assert (one == other).all()


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        cluster_points(np.array([[1.0], [np.nan]]), 2, seed=0)
