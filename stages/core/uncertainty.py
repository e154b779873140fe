"""Uncertainty of predictions: how unsure the model is of each face.

All take probabilities of shape (n, C) and return float64 of shape (n,) in [0, 1] that grows with
uncertainty (R. Monarch, Human-in-the-Loop Machine Learning, 2021, chapter 3).
"""

import numpy as np
from scipy.special import entr


def entropy(p: np.ndarray) -> np.ndarray:
    """Return -sum p log2 p, divided by log2 C so that numbers of classes compare."""
    return entr(p).sum(axis=1) / np.log(p.shape[1])


def least_confidence(p: np.ndarray) -> np.ndarray:
    """Return (1 - max p) C / (C - 1)."""
    n_classes = p.shape[1]
    return (1 - p.max(axis=1)) * n_classes / (n_classes - 1)


def margin(p: np.ndarray) -> np.ndarray:
    """Return 1 - (p1 - p2), of the two likeliest classes."""
    first, second = _top_two(p)
    return 1 - (first - second)


def ratio(p: np.ndarray) -> np.ndarray:
    """Return p2 / p1, of the two likeliest classes."""
    first, second = _top_two(p)
    return second / first


def _top_two(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    top = np.partition(p, -2, axis=1)
    return top[:, -1], top[:, -2]


STRATEGIES = {
    "entropy": entropy,
    "least_confidence": least_confidence,
    "margin": margin,
    "ratio": ratio,
}


def score(strategy: str, p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the uncertainty by `strategy`.

    `random` draws it from the generator. `power_margin` draws u^(1 / margin): its greatest values
    are a sample without replacement in proportion to the margin score (Kirsch et al. 2021,
    Stochastic Batch Acquisition; the draw is Efraimidis and Spirakis 2006).
    """
    if strategy == "random":
        return rng.random(len(p))
    if strategy == "power_margin":
        return rng.random(len(p)) ** (1 / np.maximum(margin(p), 1e-12))
    return STRATEGIES[strategy](p)


def most_uncertain(scores: np.ndarray, face_ids: np.ndarray, size: int) -> np.ndarray:
    """Return the positions of the `size` greatest scores, greatest first; ties go by face_id.

    Raises:
        ValueError: a score is NaN.
    """
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    return np.lexsort((face_ids, -scores))[:size]
