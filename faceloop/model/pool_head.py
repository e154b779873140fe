"""A head that learns from every face: members on the labels and on the pool, combined, distilled.

Embeddings are frozen and labels few, while the pool's faces are many. Discriminants and label
spreading over the neighbour graph learn from those too; on held-out labels each member gets its
weight. What they say together of the pool's faces scores them, and teaches a plain head that
predicts for any face: docs/why/heads.md.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from faceloop.base.tables import Rows
from faceloop.model.combination import combine, fit_weights, smoothed
from faceloop.model.discriminant import covariance_of
from faceloop.model.fit_head import LOSS, PROBABILITY, SCORES, Fit
from faceloop.model.head import Head, blocks, predict, softmax
from faceloop.model.members import Labels, Member, discriminant_member, spreading_member
from faceloop.model.student import teach

MEMBERS = ("logistic", "discriminant", "pooled discriminant", "spreading")
LIKELY = 1e-6  # probability that the logistic member never falls below
TAUGHT = 4096  # faces of the pool, spread evenly over it, that teach the student


class Surroundings(NamedTuple):
    """What a head learns from beside its labels.

    Attributes:
        embeddings: of the pool's faces, of shape (n, d).
        graph: of `affinity`: the pool's faces, and behind them labelled ones of older batches.
        places: of the labelled faces in the graph, int of shape (m,).
    """

    embeddings: Rows
    graph: sparse.csr_matrix
    places: np.ndarray


class PoolFit(NamedTuple):
    """A head with its `Fit`, and what the model says of the pool.

    Attributes:
        fit: of a student its out-of-fold table and scores are the combination's.
        logistic: the member's own fit.
        weights: of the members, by name; none where the logistic head stands alone.
        p: probabilities of the pool's faces, of shape (n, C).
    """

    fit: Fit
    logistic: Fit
    weights: dict[str, float]
    p: np.ndarray


def alone(logistic: Fit, embeddings: Rows) -> PoolFit:
    """Return a logistic head with what it says of the pool."""
    p = predict(logistic.head, embeddings).round(PROBABILITY)
    return PoolFit(logistic, logistic, {}, p)


def learn_from_pool(
    logistic: Fit,
    features: np.ndarray,
    labels: np.ndarray,
    fold_of: np.ndarray,
    pool: Surroundings,
    seed: int,
) -> PoolFit:
    """Combine the logistic head with members that learn from the pool, and teach a student.

    Args:
        logistic: the head fitted to these labels.
        features: of the labelled faces, of shape (m, d).
        labels: int of shape (m,), indices into the head's classes.
        fold_of: the folds of `grouped_folds` that `logistic` was cross-validated with; where
            there are none, it stands alone.
        pool: the faces that have no label, and the graph.
        seed: of the student's hidden layer.
    """
    if len(fold_of) == 0:
        return alone(logistic, pool.embeddings)
    n_classes = len(logistic.head.classes)
    targets = smoothed(labels, n_classes)
    known = Labels(features.astype(np.float64), labels, targets, fold_of)
    members = [
        _logistic(logistic),
        discriminant_member(known, None),
        discriminant_member(known, covariance_of(pool.embeddings)),
        spreading_member(known, pool.places, pool.graph),
    ]
    held_out = np.array([one.held_out for one in members])
    weights = fit_weights(held_out, targets)
    p = _predict(members, weights, pool.embeddings, n_classes)
    fit = _taught(known, pool, p, softmax(combine(held_out, weights)), logistic.head, seed)
    return PoolFit(fit, logistic, dict(zip(MEMBERS, weights.tolist(), strict=True)), p)


def _logistic(fit: Fit) -> Member:
    def predictor(rows: slice, features: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(predict(fit.head, features), LIKELY))

    return Member(np.log(np.maximum(fit.out_of_fold, LIKELY)), predictor)


def _predict(
    members: list[Member], weights: np.ndarray, embeddings: Rows, n_classes: int
) -> np.ndarray:
    """Return what the members say together of all rows, (n, C); a block of them at a time."""
    p = np.empty((len(embeddings), n_classes))
    for rows in blocks(len(embeddings)):
        x = embeddings[rows].astype(np.float64)
        p[rows] = softmax(combine(np.array([one.predictor(rows, x) for one in members]), weights))
    return p.round(PROBABILITY)


def _taught(
    known: Labels,
    pool: Surroundings,
    p: np.ndarray,
    out_of_fold: np.ndarray,
    logistic: Head,
    seed: int,
) -> Fit:
    """Return the student, taught by the pool and by the labels of older batches.

    Either weighs by its labelled faces, so that a new batch does not make it forget the older.
    """
    some = np.unique(np.linspace(0, max(len(p) - 1, 0), TAUGHT).astype(np.int64))[: len(p)]
    older = pool.places >= len(p)
    features = np.vstack([pool.embeddings[some].astype(np.float64), known.features[older]])
    targets = np.vstack([p[some], known.targets[older]])
    here = max(int(np.count_nonzero(~older)), 1) / max(len(some), 1)
    weights = np.concatenate([np.full(len(some), here), np.ones(np.count_nonzero(older))])
    classes, embedder = list(logistic.classes), logistic.embedder
    head, losses = teach(features, targets, weights, classes, embedder, seed)
    curve = pd.DataFrame({"step": np.arange(len(losses)), "loss": losses})
    own = np.maximum(out_of_fold[np.arange(len(known.codes)), known.codes], LIKELY)
    accuracy = (out_of_fold.argmax(axis=1) == known.codes).mean()
    row = (head.l2, float(-np.log(own).mean().round(LOSS)), float(accuracy.round(LOSS)), 1.0)
    scores = pd.DataFrame([row], columns=SCORES)
    return Fit(head, scores, curve, out_of_fold.round(PROBABILITY))
