"""The diverse strategies: each against slow, obvious code, and against scikit-activeml's."""

from collections.abc import Callable

import numpy as np
import pytest

from faceloop.sampling.diverse_strategies import (
    NEIGHBOURS,
    STRATEGIES,
    Sample,
    neighbour_distance,
    pick_diverse,
)
from faceloop.sampling.diversity import spherical_cluster
from faceloop.sampling.params import DIVERSITY, SampleDiverse

ALL = pytest.mark.parametrize("strategy", STRATEGIES)


def settings(size: int, clusters: int = 4) -> SampleDiverse:
    return SampleDiverse(
        size=size,
        clusters=clusters,
        centroid=0.4,
        outlier=0.4,
        random=0.2,
    )


def faces(n: int, d: int = 6, labelled: int = 3, seed: int = 0) -> Sample:
    """Faces around four corners, with scores and probabilities of three classes."""
    rng = np.random.default_rng(seed)
    features = rng.normal(scale=0.3, size=(n, d)) + 4 * np.eye(4, d)[np.arange(n) % 4]
    p = rng.dirichlet(np.ones(3), size=n)
    return Sample(
        np.array([f"{at:04d}" for at in rng.permutation(n)]),
        features.astype(np.float32),
        rng.random(n),
        p,
        rng.normal(size=(labelled, d)).astype(np.float32),
    )


def picked(strategy: str, sample: Sample, size: int, seed: int = 0, clusters: int = 4) -> list[str]:
    rng = np.random.default_rng(seed)
    picks = pick_diverse(strategy, sample, settings(size, clusters), rng)
    return sample.face_ids[picks["position"]].tolist()


def by_id(sample: Sample) -> Sample:
    order = np.argsort(sample.face_ids)
    return sample._replace(
        face_ids=sample.face_ids[order],
        features=sample.features[order],
        scores=sample.scores[order],
        p=sample.p[order],
    )


def test_params_may_name_just_these() -> None:
    assert set(DIVERSITY) == set(STRATEGIES)


@ALL
@pytest.mark.parametrize("n", [0, 1, 2, 5, 11, 12, 13, 80])
def test_the_size_is_exact_or_all_there_is(strategy: str, n: int) -> None:
    sample = faces(n)
    picks = pick_diverse(strategy, sample, settings(12), np.random.default_rng(0))
    assert len(picks) == min(n, 12) and picks["position"].is_unique
    assert list(picks.columns) == ["position", "reason", "cluster"]
    assert picks["position"].is_monotonic_increasing


@ALL
def test_the_pick_does_not_depend_on_the_order_of_the_faces(strategy: str) -> None:
    sample = faces(60)
    assert set(picked(strategy, sample, 15)) == set(picked(strategy, by_id(sample), 15))


@pytest.mark.parametrize("n", [1, 2, 4, NEIGHBOURS + 1, NEIGHBOURS + 9])
def test_a_neighbour_distance_is_the_mean_to_the_nearest_few(n: int) -> None:
    points = np.random.default_rng(0).normal(size=(n, 3))
    expected = []
    for at, one in enumerate(points):
        others = sorted(np.linalg.norm(one - other) for other in np.delete(points, at, axis=0))
        expected.append(np.mean(others[:NEIGHBOURS]) if others else 0)
    # A point's distance to itself is 0 but for the root of what rounding leaves.
    np.testing.assert_allclose(neighbour_distance(points), expected, atol=1e-4)


def test_badge_never_picks_one_of_several_equal_faces_twice() -> None:
    for seed in range(20):
        one = faces(1, seed=seed)
        equal = Sample(np.arange(6).astype(str), *(np.repeat(part, 6, axis=0) for part in one[1:]))
        assert len(set(picked("badge", equal, 5, seed))) == 5


@ALL
def test_the_same_generator_picks_the_same(strategy: str) -> None:
    assert picked(strategy, faces(60), 15, seed=4) == picked(strategy, faces(60), 15, seed=4)


@ALL
def test_equal_faces_of_one_class_give_the_size_asked_for(strategy: str) -> None:
    sure = np.tile([1.0, 0.0, 0.0], (30, 1))
    same = faces(30)._replace(features=np.ones((30, 6), np.float32), scores=np.zeros(30), p=sure)
    assert len(set(picked(strategy, same, 12))) == 12


@ALL
def test_the_first_round_has_no_labelled_face(strategy: str) -> None:
    assert len(picked(strategy, faces(30, labelled=0), 12)) == 12


@ALL
@pytest.mark.parametrize("field", ["features", "scores", "p", "labelled"])
def test_nan_is_refused(strategy: str, field: str) -> None:
    sample = faces(20)
    values = getattr(sample, field).copy()
    values[1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        picked(strategy, sample._replace(**{field: values}), 5)


def test_top_takes_the_most_uncertain_and_ties_go_by_face_id() -> None:
    sample = faces(40)
    coarse = sample._replace(scores=np.round(sample.scores, 1))
    order = sorted(zip(-coarse.scores, coarse.face_ids, strict=True))
    assert set(picked("top", coarse, 9)) == {name for _, name in order[:9]}


def test_weighted_kmeans_takes_one_face_a_cluster() -> None:
    sample = faces(40)
    corner = dict(zip(sample.face_ids, np.arange(40) % 4, strict=True))
    assert sorted(corner[name] for name in picked("weighted_kmeans", sample, 4)) == [0, 1, 2, 3]


def test_weighted_kmeans_is_drawn_to_the_uncertain() -> None:
    sample = faces(40)
    features = np.repeat(np.arange(40.0)[:, None], 6, axis=1).astype(np.float32)
    scores = np.where(np.arange(40) >= 30, 1.0, 1e-6)
    (one,) = picked("weighted_kmeans", sample._replace(features=features, scores=scores), 1)
    assert 34 <= sample.face_ids.tolist().index(one) <= 35  # the middle of 30 to 39


def test_cluster_margin_goes_round_the_clusters_small_ones_first() -> None:
    sizes, rng = [20, 3, 9], np.random.default_rng(0)
    corner = np.repeat([0, 1, 2], sizes)
    sample = faces(32)._replace(
        features=(10 * np.eye(3, 6)[corner] + rng.normal(scale=0.1, size=(32, 6))).astype("f4")
    )
    queues = {
        at: sorted(np.flatnonzero(corner == at), key=lambda row: -sample.scores[row])
        for at in (1, 2, 0)
    }
    expected: list[int] = []
    while len(expected) < 14:  # the paper's round robin
        for queue in queues.values():
            if queue and len(expected) < 14:
                expected.append(queue.pop(0))
    found = picked("cluster_margin", sample, 14, clusters=3)
    assert set(found) == set(sample.face_ids[expected])


def test_badge_equals_seeding_on_gradients_written_out() -> None:
    sample, rng = by_id(faces(50)), np.random.default_rng(7)
    error = sample.p - np.eye(3)[sample.p.argmax(axis=1)]
    gradients = np.einsum("nc,nd->ncd", error, sample.features).reshape(50, -1)
    expected = [int(np.argmax(np.linalg.norm(gradients, axis=1)))]
    while len(expected) < 10:
        gaps = gradients[:, None] - gradients[expected]
        nearest = (gaps**2).sum(axis=2).min(axis=1)
        nearest[expected] = 0
        expected.append(int(rng.choice(50, p=nearest / nearest.sum())))
    assert set(picked("badge", sample, 10, seed=7)) == set(sample.face_ids[expected])


def test_k_center_equals_looking_for_the_furthest_face_each_time() -> None:
    sample = by_id(faces(50))
    centres, expected = list(sample.labelled), []
    for _ in range(10):
        nearest = [min(np.linalg.norm(x - c) for c in centres) for x in sample.features]
        expected.append(int(np.argmax(nearest)))
        centres.append(sample.features[expected[-1]])
    assert set(picked("k_center", sample, 10)) == set(sample.face_ids[expected])


def test_typical_takes_the_face_nearest_to_its_neighbours() -> None:
    sample = faces(120)
    expected = set()
    for corner in range(4):
        rows = np.flatnonzero(np.arange(120) % 4 == corner)
        gaps = np.linalg.norm(sample.features[rows, None] - sample.features[rows], axis=2)
        near = np.sort(gaps, axis=1)[:, 1 : NEIGHBOURS + 1].mean(axis=1)
        expected.add(sample.face_ids[rows[near.argmin()]])
    assert set(picked("typical", sample, 4)) == expected


def test_spherical_clusters_go_by_direction_and_not_by_length() -> None:
    rng = np.random.default_rng(0)
    directions = np.eye(3, 6)[np.arange(60) % 3] + rng.normal(scale=0.05, size=(60, 6))
    features = (directions * rng.uniform(0.1, 50, size=(60, 1))).astype(np.float32)
    labels, distances = spherical_cluster(features, 3, seed=0)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for corner in range(3):
        rows = np.flatnonzero(np.arange(60) % 3 == corner)
        assert len(set(labels[rows])) == 1
        centre = unit[rows].sum(axis=0) / np.linalg.norm(unit[rows].sum(axis=0))
        np.testing.assert_allclose(distances[rows], 1 - unit[rows] @ centre, atol=1e-5)


def test_k_center_picks_what_scikit_activemls_core_set_picks() -> None:
    pool = pytest.importorskip("skactiveml.pool")
    sample = by_id(faces(50))
    x = np.vstack([sample.labelled, sample.features])
    y = np.r_[np.zeros(3), np.full(50, np.nan)]
    theirs = pool.CoreSet(random_state=0).query(x, y, batch_size=10) - 3
    assert set(picked("k_center", sample, 10)) == set(sample.face_ids[theirs])


def test_typical_picks_what_scikit_activemls_typiclust_picks() -> None:
    pool = pytest.importorskip("skactiveml.pool")
    sample = by_id(faces(120))
    theirs = pool.TypiClust(random_state=0, k=NEIGHBOURS).query(
        sample.features, np.full(120, np.nan), batch_size=4
    )
    assert set(picked("typical", sample, 4)) == set(sample.face_ids[theirs])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("margin", "margin_sampling"), ("least_confidence", "least_confident"), ("entropy",) * 2],
)
def test_uncertainty_ranks_as_scikit_activemls(ours: str, theirs: str) -> None:
    utilities: Callable[..., np.ndarray] = pytest.importorskip("skactiveml.pool").uncertainty_scores
    from faceloop.sampling.uncertainty import STRATEGIES as SCORES

    p = np.random.default_rng(0).dirichlet(np.ones(4), size=200)
    np.testing.assert_array_equal(
        np.argsort(SCORES[ours](p)), np.argsort(utilities(p, method=theirs))
    )
