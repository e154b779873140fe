"""Uncertainty of predictions: how unsure the model is of each face.

All take probabilities of shape (n, C) and return float64 of shape (n,) in [0, 1] that grows with
uncertainty (R. Monarch, Human-in-the-Loop Machine Learning, 2021, chapter 3).
"""

import numpy as np
from scipy.special import entr

from faceloop.base.tables import Ids
from faceloop.model.head import blocks


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
DECIMALS = 6  # of a score, as it is stored: last bits must not part faces that are as uncertain


def score(strategy: str, p: np.ndarray, face_ids: Ids, rng: np.random.Generator) -> np.ndarray:
    """Return the uncertainty by `strategy`; chance goes by face_id, whatever the rows' order.

    `random` is drawn from the generator alone. `power_margin` is u^(1 / margin): its greatest are
    a sample without replacement in proportion to the margin score (Kirsch et al. 2023, Stochastic
    Batch Acquisition; drawn as by Efraimidis and Spirakis 2006).
    """
    return _scored(strategy, p, _chance(strategy, face_ids, rng))


def _chance(strategy: str, face_ids: Ids, rng: np.random.Generator) -> np.ndarray:
    """Return a uniform number a face, dealt out in the order of ids; none for other strategies."""
    if strategy not in DRAWN:
        return np.empty(0)
    u = np.empty(len(face_ids))
    u[face_ids.argsort()] = rng.random(len(face_ids))
    return u


def _scored(strategy: str, p: np.ndarray, u: np.ndarray) -> np.ndarray:
    if strategy not in DRAWN:
        return STRATEGIES[strategy](p).round(DECIMALS)
    return u if strategy == "random" else u ** (1 / np.maximum(margin(p).round(DECIMALS), 1e-12))


def most_uncertain(scores: np.ndarray, face_ids: Ids, size: int) -> np.ndarray:
    """Return the positions of the `size` greatest scores, greatest first; ties go by face_id.

    One pass in blocks: only what beats the least of those kept so far is sorted, so that time
    grows with the pool and memory does not.

    Raises:
        ValueError: a score is NaN.
    """
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    kept = np.array([], dtype=np.int64)
    for block in blocks(len(scores) if size else 0):
        rows = np.arange(block.start, block.stop)
        if len(kept) == size:
            least = scores[kept[-1]]
            tied = rows[scores[rows] == least]
            before = np.asarray(face_ids[tied]) < face_ids[kept[-1]]
            rows = np.concatenate([rows[scores[rows] > least], tied[before]])
        rows = np.concatenate([kept, rows])
        ids = np.asarray(face_ids[rows], dtype=object)
        kept = rows[np.lexsort((ids, -scores[rows]))[:size]]
    return kept
