"""The student: a small network that is taught what a larger model says of many faces.

Hinton, Vinyals and Dean 2015, Distilling the Knowledge in a Neural Network. Its hidden units are
not learnt: each looks towards one of the places where the pool's faces lie (Coates and Ng 2012,
Learning Feature Representations with K-Means). So the fit has one optimum, which unlike processors
find alike.
"""

from typing import NamedTuple

import numpy as np

from faceloop.model import softmax_regression
from faceloop.model.fit_head import PROBABILITY, WEIGHT, standardisation
from faceloop.model.head import Head, Hidden
from faceloop.statistics.clustering import cluster_points, principal_axes

L2 = 1e-3  # of the student, whose faces are many and whose targets hold no chance
UNITS = 256  # of the hidden layer; as 768 do within 0.005 of macro-F1
# A unit begins to answer at this cosine and rises by its inverse width: the nearest dozens do.
THRESHOLD, WIDTH = 0.2, 0.1
ANONYMOUS = 10  # faces that a unit's direction is the mean of, at least: a model shows no face


class Taught(NamedTuple):
    """A head, and the loss of its fit at first and after each step."""

    head: Head
    losses: list[float]


def teach(
    features: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    classes: list[str],
    embedder: str,
    seed: int,
) -> Taught:
    """Return the head that comes nearest to targets.

    Args:
        features: float64 of shape (n, d).
        targets: probabilities, of shape (n, C).
        weights: of the faces, of shape (n,).
        classes: the C class names.
        embedder: recorded in the head.
        seed: of the hidden layer's directions.
    """
    mean, scale = standardisation(features)
    inner, inner_bias = _directions(features - mean, seed)
    inner = (inner * scale[:, None]).round(WEIGHT).astype(np.float32)
    x = (features - mean.astype(float)) / scale
    x = np.hstack([x, np.maximum(x @ inner + inner_bias, 0), np.ones((len(x), 1))])
    axes = principal_axes(x)
    found, losses = softmax_regression.fit(x @ axes.T, targets, weights[None], len(classes), L2)
    parameters = (found[:, 0] @ axes).T.round(WEIGHT).astype(np.float32)
    linear, out, bias = np.split(parameters, [len(mean), len(parameters) - 1])
    hidden = Hidden(inner, inner_bias, out)
    head = Head(tuple(classes), linear, bias[0], mean, scale, 1.0, L2, embedder, hidden)
    return Taught(head, [round(one, PROBABILITY) for one in losses])


def _directions(centred: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight (d, h) and bias (h,) of units that look towards clusters of faces."""
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.maximum(length, 1e-12)
    clusters, _ = cluster_points(unit, max(min(UNITS, len(unit) // ANONYMOUS), 1), seed, starts=1)
    names, sizes = np.unique(clusters, return_counts=True)
    centres = [unit[clusters == name].mean(axis=0) for name in names[sizes >= ANONYMOUS]]
    towards = np.reshape(centres, (-1, centred.shape[1]))
    towards = towards / np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-12)
    weight = towards.T / (max(length.mean(), 1e-12) * WIDTH)
    return weight, np.full(len(towards), -THRESHOLD / WIDTH, dtype=np.float32)
