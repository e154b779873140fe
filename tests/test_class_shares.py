"""Class shares by quantification, against naive code, matrix inversion and QuaPy's own."""

import numpy as np
import pytest
from scipy.optimize import minimize

from faceloop.balance.class_shares import (
    RandomLabels,
    Unlabelled,
    class_means,
    estimate_shares,
    expectation_maximisation,
    share_estimates,
    shares_as_predicted,
    totals,
)

CONFUSION = np.array([[0.9, 0.08, 0.02], [0.2, 0.7, 0.1], [0.05, 0.15, 0.8]])


def faces(
    shares: list[float], n: int, seed: int, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) and true posteriors under equal shares (n, C): a Gaussian a class."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), n, p=shares)
    x = 2 * np.eye(len(shares))[labels] + rng.normal(scale=noise, size=(n, len(shares)))
    likelihood = np.exp(2 * x / noise**2)
    return labels, likelihood / likelihood.sum(axis=1, keepdims=True)


def said(p: np.ndarray) -> Unlabelled:
    """Faces of one photo each, that count once."""
    return Unlabelled(p, np.arange(len(p)), np.ones(len(p)))


def known(labels: np.ndarray, p: np.ndarray) -> RandomLabels:
    return RandomLabels(p, labels, np.arange(len(p)), np.ones(len(p)))


def by_chance(n: int = 300, seed: int = 1) -> RandomLabels:
    return known(*faces([0.6, 0.3, 0.1], n, seed))


def predicted(confusion: np.ndarray, weight: float = 1.0) -> RandomLabels:
    """Faces of one photo each, predicted as a confusion of counts (C, C) tells."""
    actual, taken_for = np.divmod(np.repeat(np.arange(9), confusion.ravel()), 3)
    n = len(actual)
    return RandomLabels(np.eye(3)[taken_for], actual, np.arange(n), np.full(n, weight))


def estimate(random: RandomLabels, seen: Unlabelled, replicates: int = 0) -> np.ndarray:
    (draws,) = estimate_shares(random, [seen], replicates, np.random.default_rng(0))
    return draws


def test_shares_of_a_skewed_batch_are_found_where_counting_predictions_is_wrong() -> None:
    labels, p = faces([0.1, 0.1, 0.8], 3000, seed=2, noise=1.5)
    random = known(*faces([0.6, 0.3, 0.1], 12000, seed=3, noise=1.5))
    true = np.bincount(labels, minlength=3) / len(labels)
    counted = np.bincount(p.argmax(axis=1), minlength=3) / len(p)
    found = estimate(random, said(p))[0]
    assert np.abs(found - true).max() < 0.04 < np.abs(counted - true).max()


# Expectation maximisation


def test_em_is_the_inverse_where_that_gives_shares() -> None:
    truth = np.random.default_rng(0).dirichlet(np.ones(3), size=20)
    found = expectation_maximisation(CONFUSION.T, 500 * truth @ CONFUSION)
    inverse = truth @ CONFUSION @ np.linalg.inv(CONFUSION)
    np.testing.assert_allclose(found, inverse, atol=1e-3)


def test_outside_the_simplex_em_gives_the_most_likely_share() -> None:
    seen = np.array([0.97, 0.02, 0.01])  # fewer glasses than the others alone would be taken for
    assert (seen @ np.linalg.inv(CONFUSION)).min() < 0
    best = minimize(
        lambda z: -seen @ np.log(np.exp(z) / np.exp(z).sum() @ CONFUSION),
        np.zeros(3),
        method="Nelder-Mead",
        options={"maxiter": 20_000, "maxfev": 20_000, "fatol": 1e-12},
    ).x
    found = expectation_maximisation(CONFUSION.T, seen)
    np.testing.assert_allclose(found, np.exp(best) / np.exp(best).sum(), atol=2e-3)


def test_a_classifier_without_mistakes_changes_nothing() -> None:
    found = expectation_maximisation(np.eye(3), np.array([6.0, 3, 1]))
    np.testing.assert_allclose(found, [0.6, 0.3, 0.1])


def test_many_are_solved_at_once_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    confusions, counts = rng.gamma(1, size=(5, 3, 3)) + np.eye(3), rng.gamma(2, size=(5, 3))
    together = expectation_maximisation(confusions, counts)
    for at in range(5):
        alone = expectation_maximisation(confusions[at], counts[at])
        np.testing.assert_allclose(together[at], alone, atol=1e-4)
    np.testing.assert_allclose(together.sum(axis=1), 1)


def test_em_is_quapys() -> None:
    aggregative = pytest.importorskip("quapy.method.aggregative")
    _, p = faces([0.1, 0.2, 0.7], 500, seed=4)
    theirs, _ = aggregative.EMQ.EM(np.full(3, 1 / 3), p, epsilon=1e-7)
    np.testing.assert_allclose(expectation_maximisation(p, np.ones(500)), theirs, atol=1e-3)


# The method


def test_bbse_is_quapys() -> None:
    aggregative = pytest.importorskip("quapy.method.aggregative")
    random = by_chance(3000)
    _, p = faces([0.1, 0.2, 0.7], 500, seed=5)
    joint = aggregative.BBSEsoft.getConfusionJointProb(np.arange(3), random.labels, random.p)
    weights = aggregative.BBSEhard.solve_importance_weights(joint, p.mean(axis=0), "minimize")
    theirs = weights * np.bincount(random.labels, minlength=3) / len(random.labels)
    ours = estimate(random, said(p))[0]
    np.testing.assert_allclose(ours, theirs / theirs.sum(), atol=5e-3)  # ours has a prior


def test_bbse_of_predictions_is_the_adjusted_count() -> None:
    confusion = np.rint(CONFUSION * [[4000], [2000], [1000]]).astype(int)
    truth = np.array([0.2, 0.5, 0.3])
    seen = np.repeat(np.eye(3), np.rint(1000 * truth @ CONFUSION).astype(int), axis=0)
    np.testing.assert_allclose(estimate(predicted(confusion), said(seen))[0], truth, atol=5e-3)


def test_without_a_random_face_nothing_is_known_of_any_class() -> None:
    no_face = RandomLabels(*(part[:0] for part in by_chance()))
    means, *draws = class_means(no_face, 50, np.random.default_rng(0))
    np.testing.assert_allclose(means, 1 / 3)
    assert np.ptp(draws, axis=0).min() > 0.8


def test_a_weight_is_as_good_as_a_copy() -> None:
    random, (_, p) = by_chance(30), faces([0.1, 0.2, 0.7], 40, seed=6)
    counts, weights = np.arange(30) % 3 + 1, np.arange(40) % 2 + 1
    weighted = estimate(random._replace(weights=counts), said(p)._replace(weights=weights))
    copied = estimate(
        known(np.repeat(random.labels, counts), np.repeat(random.p, counts, axis=0)),
        said(np.repeat(p, weights, axis=0)),
    )
    np.testing.assert_allclose(weighted, copied, atol=1e-3)


# Draws and intervals


def test_the_bootstrap_weighs_whole_groups() -> None:
    values = np.array([[3.0, 0], [0, 2], [0, 1], [0, 1], [0, 1]])
    groups = np.array(["a", "a", "b", "c", "d"])
    first, *rest = totals(values, groups, 2000, np.random.default_rng(2))
    np.testing.assert_allclose(first, [3, 5])
    drawn = np.array(rest)
    assert len(drawn) == 2000 and (drawn > 0).all()
    assert drawn[:, 0].mean() == pytest.approx(3, rel=0.1)
    assert drawn[:, 0].std() == pytest.approx(3, rel=0.15)  # one group of three
    shared = np.corrcoef(drawn.T)[0, 1]  # two of the five come with the three
    assert shared == pytest.approx(2 / np.sqrt(2**2 + 3), abs=0.08)


def test_faces_of_a_photo_are_drawn_together() -> None:
    labels, p = faces([0.6, 0.3, 0.1], 60, seed=10)
    _, seen = faces([0.2, 0.3, 0.5], 400, seed=11)

    def width(copies: int) -> float:
        many = RandomLabels(*(np.repeat(one, copies, axis=0) for one in known(labels, p)))
        return np.ptp(np.quantile(estimate(many, said(seen), 200)[1:, 0], [0.025, 0.975]))

    assert width(10) > 0.7 * width(1)


def test_more_random_faces_narrow_the_interval() -> None:
    seen = said(np.eye(3)[[0, 1, 2] * 400])

    def width(drawn: int) -> float:
        random = predicted(np.rint(CONFUSION * drawn).astype(int))
        return np.ptp(np.quantile(estimate(random, seen, 300)[1:], [0.025, 0.975], axis=0))

    assert width(200) < 0.6 * width(20)


def test_a_class_without_a_random_label_has_a_wider_interval() -> None:
    random, (_, p) = by_chance(), faces([0.4, 0.3, 0.3], 500, seed=8)
    without = RandomLabels(*(part[random.labels != 2] for part in random))
    of_all, of_two = (
        np.ptp(np.quantile(estimate(one, said(p), 200)[1:, 2], [0.025, 0.975]))
        for one in (random, without)
    )
    assert of_two > 1.5 * of_all


@pytest.mark.parametrize("as_predicted", [False, True])
def test_intervals_hold_the_truth_in_nine_of_ten_skewed_batches_and_raw_ones_do_not(
    as_predicted: bool,
) -> None:
    rng, held = np.random.default_rng(9), []
    for trial in range(40):
        shares = list(rng.dirichlet(np.ones(3)))
        labels, p = faces(shares, 300, seed=100 + trial, noise=2.0)
        drawn, p_drawn = faces([0.6, 0.3, 0.1], 80, seed=900 + trial, noise=2.0)
        if as_predicted:
            p, p_drawn = (np.eye(3)[one.argmax(axis=1)] for one in (p, p_drawn))
        (corrected,) = estimate_shares(known(drawn, p_drawn), [said(p)], 100, rng)
        true = np.bincount(labels, minlength=3) / 300
        held.append(
            [
                [one.low <= share <= one.high for share, one in zip(true, of, strict=True)]
                for draws in (corrected, shares_as_predicted(said(p), 100, rng))
                for of in [share_estimates(draws, "abc", 300, 0.95).values()]
            ]
        )
    corrected_held, raw_held = np.mean(held, axis=(0, 2))
    assert corrected_held >= 0.9
    assert raw_held < 0.7


def test_class_means_are_those_of_its_faces_and_one_face_that_is_any() -> None:
    random = RandomLabels(
        np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 1]), np.arange(2), np.array([1.0, 2.0])
    )
    (found,) = class_means(random, 0, np.random.default_rng(0))
    np.testing.assert_allclose(found, [[1.3 / 2, 0.7 / 2], [1.3 / 3, 1.7 / 3]])


@pytest.mark.parametrize("replicates", [0, 1, 2, 50, 51])
@pytest.mark.parametrize("n_groups", [1, 2, 4])
def test_totals_are_weighed_sums_by_group_in_a_loop(replicates: int, n_groups: int) -> None:
    groups, values = np.arange(8) % n_groups, np.arange(16.0).reshape(8, 2)
    found = totals(values, groups, replicates, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    weights = [np.ones(n_groups), *(rng.exponential(size=n_groups) for _ in range(replicates))]
    rows = list(zip(groups, values, strict=True))
    expected = [sum(one[group] * row for group, row in rows) for one in weights]
    np.testing.assert_allclose(found, expected)


def test_a_single_group_of_faces_tells_next_to_nothing() -> None:
    p = np.repeat(np.eye(3), [60, 40, 0], axis=0)
    draws = shares_as_predicted(
        Unlabelled(p, np.zeros(100), np.ones(100)), 100, np.random.default_rng(4)
    )
    found = share_estimates(draws, "abc", 1, 0.95)
    assert [one.value for one in found.values()] == [0.6, 0.4, 0.0]
    assert all(one.high - one.low == 1 for one in found.values())
