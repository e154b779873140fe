"""Multinomial logistic regression, of several weightings at once, to the last digits.

What is learnt must not depend on the processor, so that the optimum itself is found, in float64:
of a penalised fit there is but one. Newton's steps by conjugate gradients (Lin, Weng and Keerthi
2008, Trust Region Newton Method for Large-Scale Logistic Regression) get there in a third of the
passes over the data that L-BFGS takes, and double the right digits in each of the last ones.
"""

from typing import NamedTuple

import numpy as np

from faceloop.base.errors import FaceloopError
from faceloop.model.head import softmax

GRADIENT = 1e-11  # of the loss at the end, its largest component
STEPS, PRODUCTS, HALVINGS = 100, 500, 30  # most: of Newton, of conjugate gradients, of a step
FORCING = 0.1  # residual of a step, as a share of the gradient's: less as that vanishes
LEAST_FALL, NOISE = 1e-4, 1e-13  # share of the promised fall; share of the loss that is rounding


class Problem(NamedTuple):
    """The same n faces with k weightings: k heads of C classes.

    x: float64 of shape (n, d). targets: the classes' probabilities, of shape (C, 1, n).
    weights: of shape (k, n), a row of sum 1.
    """

    x: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    n_classes: int

    def logits(self, parameters: np.ndarray) -> np.ndarray:
        """Return logits (C, k, n) of parameters (C, k, d)."""
        heads = self.n_classes * len(self.weights)
        logits = parameters.reshape(heads, self.x.shape[1]) @ self.x.T
        return logits.reshape(*parameters.shape[:2], len(self.x))

    def pulled_back(self, slopes: np.ndarray) -> np.ndarray:
        """Return the slopes by parameters (C, k, d) of slopes by logits (C, k, n)."""
        heads = self.n_classes * len(self.weights)
        pulled = slopes.reshape(heads, len(self.x)) @ self.x
        return pulled.reshape(*slopes.shape[:2], self.x.shape[1])

    def losses(self, logits: np.ndarray) -> np.ndarray:
        """Return the weighted mean -ln p of the targets, of shape (k,)."""
        top = logits.max(axis=0)
        log_total = np.log(np.exp(logits - top).sum(axis=0)) + top
        own = (self.targets * logits).sum(axis=0)
        return (self.weights * (log_total - own)).sum(axis=1)


def fit(
    x: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    n_classes: int,
    l2: float,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, list[float]]:
    """Return the parameters of least loss plus l2 / 2 times their squares, for each weighting.

    Args:
        x: float64 of shape (n, d); a column of ones, for the bias, is penalised like the others.
            Quickest on principal axes, along each of which the loss curves on its own, nearly.
        labels: int of shape (n,), indices into the classes; or their probabilities, (n, C).
        weights: of shape (k, n), not negative; a row of zeros gives parameters of zero.
        n_classes: C.
        l2: above 0.
        start: parameters to begin with; zeros where there are none.

    Returns:
        Parameters of shape (C, k, d), and the summed loss at the start and after each step.

    Raises:
        FaceloopError: the optimum is out of reach: l2 is too small for these features.
    """
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    targets = np.eye(n_classes)[labels] if labels.ndim == 1 else labels
    problem = Problem(x, targets.T[:, None], shares, n_classes)
    # Half of the most that it curves (Böhning 1992, Multinomial Logistic Regression Algorithm).
    curvature = (x**2).sum(axis=0) / (2 * n_classes * max(len(x), 1)) + l2
    if start is None:
        start = np.zeros((n_classes, len(weights), x.shape[1]))
    return _newton(problem, start, l2, curvature)


def _newton(
    problem: Problem, parameters: np.ndarray, l2: float, curvature: np.ndarray
) -> tuple[np.ndarray, list[float]]:
    logits = problem.logits(parameters)
    loss = problem.losses(logits) + l2 / 2 * _dot(parameters, parameters)
    losses = [float(loss.sum())]
    for _ in range(STEPS):
        p = softmax(logits, axis=0)
        gradient = problem.pulled_back(problem.weights * (p - problem.targets)) + l2 * parameters
        if np.abs(gradient).max(initial=0) < GRADIENT:
            return parameters, losses
        step = _newton_step(problem, p, gradient, l2, curvature)
        ahead, slope, size = problem.logits(step), _dot(gradient, step), np.ones(len(loss))
        for _ in range(HALVINGS):
            moved, seen = parameters + size[:, None] * step, logits + size[:, None] * ahead
            after = problem.losses(seen) + l2 / 2 * _dot(moved, moved)
            too_far = after > loss + LEAST_FALL * size * slope + NOISE * np.abs(loss)
            if not too_far.any():
                break
            size = np.where(too_far, size / 2, size)
        parameters, logits, loss = moved, seen, after
        losses.append(float(loss.sum()))
    raise FaceloopError(f"train: at an L2 of {l2:g} the fit does not come to an end")


def _newton_step(
    problem: Problem, p: np.ndarray, gradient: np.ndarray, l2: float, curvature: np.ndarray
) -> np.ndarray:
    """Return the step (C, k, d) to where the loss's parabola at p (C, k, n) is least, roughly."""
    step, left = np.zeros_like(gradient), -gradient
    along = left / curvature
    size = _dot(left, along)
    goal = np.minimum(FORCING**2, np.sqrt(size)) * size
    for _ in range(PRODUCTS):
        if (size <= goal).all():
            break
        slopes = problem.logits(along)
        slopes = problem.weights * p * (slopes - (p * slopes).sum(axis=0))
        product = problem.pulled_back(slopes) + l2 * along
        length = (size / np.maximum(_dot(along, product), 1e-300))[:, None]
        step, left = step + length * along, left - length * product
        scaled, before = left / curvature, size
        size = _dot(left, scaled)
        along = scaled + (size / np.maximum(before, 1e-300))[:, None] * along
    return step


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the product of each weighting's parameters, (k,)."""
    return np.einsum("ckd,ckd->k", one, other)
