"""The diverse sample: quotas, hearts, edges and chance, each against its plain definition."""

import numpy as np
import pytest

from faceloop.sampling.diversity import (
    even_quotas,
    heart_edge_chance,
    spherical_cluster,
    split_quotas,
)
from faceloop.sampling.params import SampleDiverse

SHARES = (0.4, 0.4, 0.2)


def settings(size: int, clusters: int = 4, shares: tuple[float, ...] = SHARES) -> SampleDiverse:
    centroid, outlier, random = shares
    return SampleDiverse(
        size=size,
        clusters=clusters,
        centroid=centroid,
        outlier=outlier,
        random=random,
    )


def blobs(n: int, d: int = 8, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(scale=0.2, size=(n, d)) + 5 * np.eye(k, d)[np.arange(n) % k]
    return features.astype(np.float32), np.array([f"{at:04d}" for at in rng.permutation(n)])


def fair_shares(sizes: list[int], total: int) -> list[int]:
    """Deal one by one to whoever has least and has room: the slow, obvious way."""
    quotas = [0] * len(sizes)
    for _ in range(min(total, sum(sizes))):
        open_ones = [at for at in range(len(sizes)) if quotas[at] < sizes[at]]
        quotas[min(open_ones, key=lambda at: (quotas[at], -sizes[at], at))] += 1
    return quotas


@pytest.mark.parametrize(
    ("sizes", "total"),
    [
        ([10, 10, 10], 9),
        ([10, 10, 10], 10),
        ([1, 50, 3], 12),
        ([1, 2, 3], 6),
        ([1, 2, 3], 60),
        ([5], 3),
        ([0, 4, 0, 9], 7),
        ([3, 3], 0),
        ([], 5),
        ([100, 1, 1, 1, 1, 7], 60),
    ],
)
def test_even_quotas_equal_dealing_one_by_one(sizes: list[int], total: int) -> None:
    assert even_quotas(np.array(sizes, dtype=int), total).tolist() == fair_shares(sizes, total)


def test_even_quotas_equal_dealing_one_by_one_on_random_sizes() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        sizes = rng.integers(0, 12, size=rng.integers(1, 9))
        total = int(rng.integers(0, 70))
        assert even_quotas(sizes, total).tolist() == fair_shares(sizes.tolist(), total)


@pytest.mark.parametrize("shares", [SHARES, (1.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.2, 0.3, 0.5)])
def test_split_quotas_add_up_both_ways(shares: tuple[float, ...]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        quotas = rng.integers(0, 9, size=rng.integers(1, 14))
        counts = split_quotas(quotas, shares)
        np.testing.assert_array_equal(counts.sum(axis=1), quotas)
        assert np.abs(counts.sum(axis=0) - np.array(shares) * quotas.sum()).max() <= 1
        assert (counts >= 0).all() and not counts[:, np.array(shares) == 0].any()


def test_a_distance_is_one_less_the_cosine_to_the_mean_direction() -> None:
    degrees = np.array([0.0, 10.0, 40.0, 180.0, 190.0])
    features = np.column_stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    labels, distances = spherical_cluster(features * np.arange(1, 6)[:, None], 2, seed=0)
    assert len(set(labels[:3])) == len(set(labels[3:])) == 1 and labels[0] != labels[4]
    for name in labels[[0, 4]]:
        total = features[labels == name].sum(axis=0)
        expected = 1 - features[labels == name] @ total / np.linalg.norm(total)
        np.testing.assert_allclose(distances[labels == name], expected, atol=1e-8)


def test_five_faces_a_cluster_split_two_two_one() -> None:
    assert split_quotas(np.array([5, 5]), SHARES).tolist() == [[2, 2, 1], [2, 2, 1]]


def test_hearts_are_nearest_edges_furthest_and_chance_between() -> None:
    labels, distances = np.arange(80) % 4, np.random.default_rng(0).random(80)
    rng = np.random.default_rng(5)
    picks = heart_edge_chance(labels, distances, 40, settings(40), rng)
    assert picks["reason"].value_counts().to_dict() == {"centroid": 16, "outlier": 16, "random": 8}
    assert picks["cluster"].value_counts().tolist() == [10] * 4
    for name, rows in picks.groupby("cluster"):
        assert set(labels[rows["position"]]) == {name}
        by_reason = {part: distances[one["position"]] for part, one in rows.groupby("reason")}
        assert by_reason["centroid"].max() < by_reason["random"].min()
        assert by_reason["random"].max() < by_reason["outlier"].min()


def test_clusters_of_very_different_size_still_give_the_size_asked_for() -> None:
    labels = np.repeat([0, 1, 2], [97, 2, 2])
    rng = np.random.default_rng(0)
    picks = heart_edge_chance(labels, np.ones(101), 50, settings(50), rng)
    assert len(picks) == 50 and set(range(97, 101)) <= set(picks["position"])
