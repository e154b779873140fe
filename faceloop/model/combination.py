"""Several members' predictions as one: a weighted sum of log-probabilities.

Genest and Zidek 1986, Combining Probability Distributions: a logarithmic opinion pool. The weights
are those under which held-out labels are likeliest, shrunk towards the first member alone: what few
labels cannot tell apart stays as it is.
"""

import numpy as np

from faceloop.model.head import softmax

# How strongly the first member draws the weights, in labels: chosen on half of sets and seeds
# in benchmarks/results/heads.md. With less, few labels on weak features teach less than it alone.
PRIOR = 10.0
DIGITS = 3  # decimals of a weight: more than labels tell, fewer than processors agree on
STEPS, HALVINGS = 100, 30
STILL = 1e-10  # of the gradient at the end


def smoothed(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return labels (n,) as probabilities (n, C) that leave room for a mistake.

    Platt 1999, Probabilistic Outputs for Support Vector Machines: n faces without an error do not
    say that there is none.
    """
    left = 1 / (len(labels) + 2)
    targets = np.full((len(labels), n_classes), left / max(n_classes - 1, 1))
    targets[np.arange(len(labels)), labels] = 1 - left
    return targets


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean -ln p of targets (n, C)."""
    return float(-(targets * log_softmax(logits)).sum(axis=1).mean())


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log-probabilities of logits (n, C)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def combine(members: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the logits (n, C) of members' log-probabilities (M, n, C) by weights (M,)."""
    return np.tensordot(weights, members, axes=1)


def fit_weights(members: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the members' weights (M,), none below 0; their sum holds the temperature.

    Newton's steps on a convex loss; a weight at 0 whose slope is upward stays there.

    Args:
        members: log-probabilities of faces whose group was held out, of shape (M, n, C).
        targets: of shape (n, C).
    """
    first = np.eye(len(members))[0]
    weights = first.copy()

    def loss_at(weights: np.ndarray) -> float:
        fit = len(targets) * cross_entropy(combine(members, weights), targets)
        return fit + PRIOR * float(((weights - first) ** 2).sum())

    for _ in range(STEPS):
        p = softmax(combine(members, weights))
        expected = (members * p).sum(axis=2, keepdims=True)
        slope = ((p - targets) * members).sum(axis=(1, 2)) + 2 * PRIOR * (weights - first)
        free = (weights > 0) | (slope < 0)
        if np.abs(slope[free]).max(initial=0) < STILL:
            break
        about = (members - expected) * np.sqrt(p)
        curvature = np.einsum("anc,bnc->ab", about, about) + 2 * PRIOR * np.eye(len(first))
        step = np.zeros(len(first))
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
        size, least = 1.0, loss_at(weights)
        for _ in range(HALVINGS):
            moved = np.maximum(weights - size * step, 0)
            if loss_at(moved) <= least:
                break
            size /= 2
        weights = moved
    return weights.round(DIGITS)
