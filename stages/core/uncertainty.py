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
DRAWN = ("random", "power_margin")


def score(
    strategy: str, p: np.ndarray, face_ids: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the uncertainty by `strategy`; chance goes by face_id, whatever the rows' order.

    `random` is drawn from the generator alone. `power_margin` is u^(1 / margin): its greatest are
    a sample without replacement in proportion to the margin score (Kirsch et al. 2023, Stochastic
    Batch Acquisition; drawn as by Efraimidis and Spirakis 2006).
    """
    if strategy not in DRAWN:
        return STRATEGIES[strategy](p)
    u = np.empty(len(p))
    u[np.argsort(face_ids)] = rng.random(len(p))
    return u if strategy == "random" else u ** (1 / np.maximum(margin(p), 1e-12))


def most_uncertain(scores: np.ndarray, face_ids: np.ndarray, size: int) -> np.ndarray:
    """Return the positions of the `size` greatest scores, greatest first; ties go by face_id.

    Raises:
        ValueError: a score is NaN.
    """
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    return np.lexsort((face_ids, -scores))[:size]
