"""Corrected shares: against inverting the matrix, and against the truth of skewed mixes."""

import numpy as np
import pytest
from scipy.optimize import minimize

from stages.core.quantification import bayesian_bootstrap, correct, estimate_shares

CONFUSION = np.array([[0.9, 0.08, 0.02], [0.2, 0.7, 0.1], [0.05, 0.15, 0.8]])


def test_it_is_the_inverse_where_that_gives_shares() -> None:
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(3), size=20)
    found = correct(CONFUSION * [[200], [30], [7]], 500 * truth @ CONFUSION)
    inverse = truth @ CONFUSION @ np.linalg.inv(CONFUSION)
    np.testing.assert_allclose(found, inverse, atol=1e-3)


def test_outside_the_simplex_it_is_the_most_likely_share() -> None:
    seen = np.array([0.97, 0.02, 0.01])  # fewer glasses than the others alone would be taken for
    assert (seen @ np.linalg.inv(CONFUSION)).min() < 0
    best = minimize(
        lambda z: -seen @ np.log(np.exp(z) / np.exp(z).sum() @ CONFUSION),
        np.zeros(3),
        method="Nelder-Mead",
        options={"maxiter": 20_000, "maxfev": 20_000, "fatol": 1e-12},
    ).x
    np.testing.assert_allclose(
        correct(CONFUSION, seen), np.exp(best) / np.exp(best).sum(), atol=2e-3
    )


def test_a_classifier_without_mistakes_changes_nothing() -> None:
    np.testing.assert_allclose(correct(np.eye(3), np.array([6.0, 3, 1])), [0.6, 0.3, 0.1])


def test_many_confusions_are_solved_at_once_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    confusions, counts = rng.gamma(1, size=(5, 3, 3)) + np.eye(3), rng.gamma(2, size=(5, 3))
    together = correct(confusions, counts)
    for at in range(5):
        np.testing.assert_allclose(together[at], correct(confusions[at], counts[at]))
    np.testing.assert_allclose(together.sum(axis=1), 1)


def test_the_bootstrap_weighs_whole_groups() -> None:
    counts = np.zeros((4, 2, 2))
    counts[0, 0, 0], counts[0, 1, 1] = 3, 2
    counts[1:, 0, 1] = 1
    drawn = bayesian_bootstrap(counts, 2000, np.random.default_rng(2))
    assert drawn.shape == (2000, 2, 2)
    np.testing.assert_allclose(drawn[:, 0, 0] / 3, drawn[:, 1, 1] / 2)  # of one group: one weight
    assert drawn[:, 0, 0].mean() == pytest.approx(3, rel=0.1)
    assert drawn[:, 0, 0].std() == pytest.approx(3, rel=0.15)  # one group of three faces
    assert drawn[:, 0, 1].std() == pytest.approx(np.sqrt(3), rel=0.15)  # three groups of one


def trial(seed: int, drawn: int = 150, faces: int = 300) -> tuple[np.ndarray, dict]:
    """Return a skewed mix and what is made of it, after measuring mistakes on `drawn` faces."""
    rng = np.random.default_rng(seed)
    cells = rng.multinomial(drawn, (CONFUSION * [[0.7], [0.2], [0.1]]).ravel())
    calibration = np.eye(9)[np.repeat(np.arange(9), cells)].reshape(drawn, 3, 3)
    truth = rng.dirichlet(np.ones(3))
    counts = np.eye(3)[rng.choice(3, size=faces, p=truth @ CONFUSION)]
    return truth, estimate_shares(counts, calibration, 200, 0.95, rng)


def covered(truth: np.ndarray, shares: list[dict[str, float]]) -> list[bool]:
    return [one["low"] <= share <= one["high"] for share, one in zip(truth, shares, strict=True)]


def test_corrected_intervals_hold_the_truth_of_skewed_mixes_and_raw_ones_do_not() -> None:
    trials = [trial(seed) for seed in range(40)]
    corrected = np.mean([covered(truth, found["corrected"]) for truth, found in trials])
    predicted = np.mean([covered(truth, found["predicted"]) for truth, found in trials])
    assert corrected >= 0.9
    assert predicted < 0.7


def test_more_drawn_faces_narrow_the_interval_more_mates_in_a_group_do_not() -> None:
    def width(drawn: int, copies: int) -> float:
        confusion = np.rint(CONFUSION * drawn).astype(int).ravel()
        calibration = np.eye(9)[np.repeat(np.arange(9), confusion)].reshape(-1, 3, 3) * copies
        found = estimate_shares(np.eye(3)[[0, 1, 2] * 400], calibration, 300, 0.95,
                                np.random.default_rng(3))  # fmt: skip
        return sum(one["high"] - one["low"] for one in found["corrected"])

    assert width(200, 1) < 0.6 * width(20, 1)
    assert width(20, 10) > 0.8 * width(20, 1)


def test_a_single_group_of_faces_tells_next_to_nothing() -> None:
    found = estimate_shares(np.array([[60.0, 40, 0]]), None, 100, 0.95, np.random.default_rng(4))
    assert found["corrected"] is None
    assert [one["value"] for one in found["predicted"]] == [0.6, 0.4, 0.0]
    assert all(one["high"] - one["low"] == 1 for one in found["predicted"])
