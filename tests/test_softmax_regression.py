"""The solver, against finite differences and against itself by other ways."""

import numpy as np
import pytest

from faceloop.base.errors import FaceloopError
from faceloop.model.softmax_regression import fit
from faceloop.statistics.clustering import principal_axes


def data(n: int = 40, d: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    return rng.normal(size=(n, d)) + np.eye(3, d)[labels], labels, rng.uniform(0.5, 2, (2, n))


def penalised_loss(
    x: np.ndarray, labels: np.ndarray, weights: np.ndarray, parameters: np.ndarray, l2: float
) -> float:
    """The formula, written out, of one weighting and its parameters (C, d)."""
    total = 0.0
    for one, label, weight in zip(x, labels, weights / weights.sum(), strict=True):
        powers = np.exp(parameters @ one)
        total -= weight * np.log(powers[label] / powers.sum())
    return total + l2 / 2 * (parameters**2).sum()


@pytest.mark.parametrize("l2", [1.0, 0.001])
def test_at_the_optimum_the_loss_is_flat_and_less_than_nearby(l2: float) -> None:
    x, labels, weights = data()
    found, losses = fit(x, labels, weights, 3, l2)
    for one, weight in zip(found.swapaxes(0, 1), weights, strict=True):
        least = penalised_loss(x, labels, weight, one, l2)
        for at in np.ndindex(one.shape):
            nudge = np.zeros_like(one)
            nudge[at] = 1e-4
            beside = [penalised_loss(x, labels, weight, one + way * nudge, l2) for way in (1, -1)]
            assert min(beside) > least and abs(beside[0] - beside[1]) < 1e-11
    both = sum(
        penalised_loss(x, labels, weight, one, l2)
        for one, weight in zip(found.swapaxes(0, 1), weights, strict=True)
    )
    assert losses[-1] == pytest.approx(both, abs=1e-12)


def test_weightings_fitted_together_are_those_fitted_alone() -> None:
    x, labels, weights = data()
    together, _ = fit(x, labels, weights, 3, 0.01)
    for at, weight in enumerate(weights):
        alone, _ = fit(x, labels, weight[None], 3, 0.01)
        np.testing.assert_allclose(together[:, at], alone[:, 0], atol=1e-9)


def test_where_it_starts_makes_no_difference() -> None:
    x, labels, weights = data()
    start = np.random.default_rng(1).normal(size=(3, 2, 5)) * 30
    np.testing.assert_allclose(
        fit(x, labels, weights, 3, 0.1, start)[0], fit(x, labels, weights, 3, 0.1)[0], atol=1e-9
    )


@pytest.mark.parametrize("n", [4, 40])
def test_the_fit_on_principal_axes_is_the_fit(n: int) -> None:
    x, labels, weights = data(n, d=9)
    axes = principal_axes(x)
    assert axes.shape == (min(n, 9), 9)
    turned, _ = fit(x @ axes.T, labels, weights, 3, 0.1)
    np.testing.assert_allclose(turned @ axes, fit(x, labels, weights, 3, 0.1)[0], atol=1e-9)


def test_separable_faces_of_great_features_come_to_an_end() -> None:
    x, labels, weights = data()
    found, _ = fit(1000 * x, labels, weights, 3, 1e-6)
    assert np.isfinite(found).all()


def test_a_penalty_that_is_too_small_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceloop.model.softmax_regression.STEPS", 2)
    with pytest.raises(FaceloopError, match="an L2 of 1e-09 the fit does not"):
        fit(*data(), 3, 1e-9)
