"""Class shares by quantification, against naive code and QuaPy's own."""

from typing import Any

import numpy as np
import pytest

from stages.core.class_shares import (
    METHODS,
    RandomLabels,
    bbse,
    calibrate,
    draw_groups_anew,
    estimate_shares,
    expectation_maximisation,
)


def faces(
    shares: list[float], n: int, seed: int, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) and true posteriors under equal shares (n, C): a Gaussian a class."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), n, p=shares)
    x = 2 * np.eye(len(shares))[labels] + rng.normal(scale=noise, size=(n, len(shares)))
    likelihood = np.exp(2 * x / noise**2)
    return labels, likelihood / likelihood.sum(axis=1, keepdims=True)


def by_chance(n: int = 300, seed: int = 1) -> RandomLabels:
    labels, p = faces([0.6, 0.3, 0.1], n, seed)
    return RandomLabels(p, labels, np.arange(n))


@pytest.mark.parametrize("method", METHODS)
def test_shares_of_a_skewed_batch_are_found_where_counting_predictions_is_wrong(
    method: str,
) -> None:
    labels, p = faces([0.1, 0.1, 0.8], 3000, seed=2, noise=1.5)
    drawn, known = faces([0.6, 0.3, 0.1], 12000, seed=3, noise=1.5)
    true = np.bincount(labels, minlength=3) / len(labels)
    (draws,) = estimate_shares(
        method,
        RandomLabels(known, drawn, np.arange(12000)),
        [(p, np.arange(3000))],
        0,
        np.random.default_rng(0),
    )
    counted = np.bincount(p.argmax(axis=1), minlength=3) / len(p)
    assert np.abs(draws[0] - true).max() < 0.04 < np.abs(counted - true).max()


def test_em_is_quapys() -> None:
    aggregative = pytest.importorskip("quapy.method.aggregative")
    _, p = faces([0.1, 0.2, 0.7], 500, seed=4)
    theirs, _ = aggregative.EMQ.EM(np.full(3, 1 / 3), p, epsilon=1e-7)
    np.testing.assert_allclose(expectation_maximisation(p, np.ones(500)), theirs, atol=1e-3)


def test_bbse_is_quapys() -> None:
    aggregative = pytest.importorskip("quapy.method.aggregative")
    random = by_chance()
    _, p = faces([0.1, 0.2, 0.7], 500, seed=5)
    joint = aggregative.BBSEsoft.getConfusionJointProb(np.arange(3), random.labels, random.p)
    weights = aggregative.BBSEhard.solve_importance_weights(joint, p.mean(axis=0), "minimize")
    theirs = weights * np.bincount(random.labels, minlength=3) / len(random.labels)
    ours = bbse(random.p, random.labels, np.ones(300), p, np.ones(500))
    np.testing.assert_allclose(ours, theirs / theirs.sum(), atol=1e-3)


def test_a_weight_is_as_good_as_a_copy() -> None:
    random, (_, p) = by_chance(30), faces([0.1, 0.2, 0.7], 40, seed=6)
    counts, weights = np.arange(30) % 3 + 1, np.arange(40) % 2 + 1
    for method in METHODS.values():
        weighted = method(random.p, random.labels, counts, p, weights)
        copied = method(
            np.repeat(random.p, counts, axis=0),
            np.repeat(random.labels, counts),
            np.ones(counts.sum()),
            np.repeat(p, weights, axis=0),
            np.ones(weights.sum()),
        )
        np.testing.assert_allclose(weighted, copied, atol=1e-4)


def test_calibration_mends_an_overconfident_and_biased_classifier() -> None:
    labels, p = faces([1 / 3, 1 / 3, 1 / 3], 4000, seed=7)
    bent = np.exp(2.0 * np.log(p) + np.array([1.0, 0.0, -1.0]))
    slope, bias = calibrate(bent / bent.sum(axis=1, keepdims=True), labels, np.ones(4000))
    assert slope == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(bias - bias.mean(), [-0.5, 0.0, 0.5], atol=0.1)


def test_faces_of_a_group_are_drawn_together_and_none_is_left_out() -> None:
    counts = draw_groups_anew(np.array(["a", "b", "a", "c"]), 50, np.random.default_rng(0))
    np.testing.assert_array_equal(counts[0], 1)
    np.testing.assert_array_equal(counts[:, 0], counts[:, 2])
    assert (counts > 0).all()


def test_a_class_without_a_random_label_has_a_wider_interval() -> None:
    random, (_, p) = by_chance(), faces([0.4, 0.3, 0.3], 500, seed=8)
    without = RandomLabels(*(part[random.labels != 2] for part in random))

    def width(known: RandomLabels) -> Any:
        rng = np.random.default_rng(0)
        (draws,) = estimate_shares("bbse", known, [(p, np.arange(500))], 200, rng)
        return np.ptp(np.quantile(draws[1:, 2], [0.025, 0.975]))

    assert width(without) > 1.5 * width(random)


def test_intervals_hold_the_truth_in_nine_of_ten_skewed_batches() -> None:
    rng, held = np.random.default_rng(9), []
    for trial in range(40):
        shares = rng.dirichlet(np.ones(3))
        labels, p = faces(list(shares), 300, seed=100 + trial, noise=2.0)
        drawn, known = faces([0.6, 0.3, 0.1], 80, seed=900 + trial, noise=2.0)
        random = RandomLabels(known, drawn, np.arange(80))
        (draws,) = estimate_shares("bbse", random, [(p, np.arange(300))], 100, rng)
        low, high = np.quantile(draws[1:], [0.025, 0.975], axis=0)
        true = np.bincount(labels, minlength=3) / 300
        held.append((low <= true) & (true <= high))
    assert np.mean(held) >= 0.9
