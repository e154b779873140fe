"""Training the head: L2 by grouped cross-validation, temperature out of fold, then all faces."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.model import softmax_regression
from faceloop.model.folds import grouped_folds
from faceloop.model.head import Head, softmax
from faceloop.model.params import Train
from faceloop.statistics.clustering import principal_axes

SCORES = ["l2", "log_loss", "accuracy", "temperature"]
# Decimals that are kept: far more than a decision needs, and far fewer than unlike processors
# agree on, so that all of them store and use the same head.
WEIGHT, LOSS, PROBABILITY = 5, 4, 6
# L2 tried, from strong to weak, on standardised features: three decades around 1 / 10, in steps
# finer than cross-validation on some hundred faces can tell apart.
STRENGTHS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
FOLDS = 5  # of the cross-validation that chooses: each head learns from four faces in five
COLDEST, HOTTEST = 0.05, 20.0


class Fit(NamedTuple):
    """A trained head and how it came about.

    `scores` has a row an L2 strength: l2, log_loss and accuracy over the held-out folds,
    and their temperature (empty where there was too little to hold out); `curve` has the
    loss before the first step and after each; `out_of_fold` has the probabilities (n, C) that
    heads of the chosen strength gave each face while its group was held out (no row where nothing
    was).
    """

    head: Head
    scores: pd.DataFrame
    curve: pd.DataFrame
    out_of_fold: np.ndarray


def fit_head(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    classes: list[str],
    embedder: str,
    settings: Train,
    seed: int,
) -> Fit:
    """Train a multinomial logistic head.

    The bias is penalised like the weights, so no case is special: a class without an example gets
    a small probability, and without any label the head is the uniform prior.

    Args:
        features: of shape (n, d).
        labels: int of shape (n,), indices into classes.
        groups: of shape (n,); a group is never on both sides of a fold.
        classes: the C class names.
        embedder: recorded in the head.
        settings: class weight.
        seed: of the folds.

    Raises:
        FaceloopError: a strength is too small.
    """
    mean, scale = standardisation(features)
    x = np.hstack([(features - mean.astype(float)) / scale, np.ones((len(features), 1))])
    # On its principal axes the fit is quick; across them an optimum has no part.
    axes = principal_axes(x)
    x = x @ axes.T
    weights = _weights(labels, len(classes), settings.class_weight)
    fold_of = folds_of(labels, groups, seed)
    scores, held_out = _cross_validate(x, labels, weights, fold_of, len(classes))
    l2, temperature = _best(scores)
    found, losses = softmax_regression.fit(x, labels, weights[None], len(classes), l2)
    parameters = (found[:, 0] @ axes).T.round(WEIGHT).astype(np.float32)
    head = Head(
        tuple(classes), parameters[:-1], parameters[-1], mean, scale, temperature, l2, embedder
    )
    steps = pd.DataFrame({"loss": losses}).round(PROBABILITY).drop_duplicates(ignore_index=True)
    curve = steps.rename_axis("step").reset_index()
    return Fit(head, scores, curve, softmax(held_out / temperature).round(PROBABILITY))


def folds_of(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Return the fold of each face in the cross-validation, as `grouped_folds` does."""
    return grouped_folds(labels, groups, FOLDS, seed)


def standardisation(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and scale, float32 of shape (d,); a constant feature has a scale of 1."""
    if len(features) == 0:
        return np.zeros(features.shape[1], np.float32), np.ones(features.shape[1], np.float32)
    wide = features.astype(np.float64)
    scale = wide.std(axis=0)
    return wide.mean(axis=0).astype("f4"), np.where(scale > 1e-6, scale, 1).astype("f4")


def _weights(labels: np.ndarray, n_classes: int, class_weight: str) -> np.ndarray:
    """Return a weight a face, mean 1; `balanced` gives each class present the same total."""
    if class_weight == "none":
        return np.ones(len(labels))
    counts = np.bincount(labels, minlength=n_classes)
    present = max(1, np.count_nonzero(counts))
    return len(labels) / (present * counts[labels])


def _cross_validate(
    x: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    fold_of: np.ndarray,
    n_classes: int,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return scores a strength, and the best strength's held-out logits (n, C); (0, C) of none.

    Strengths are compared at their own temperatures: a strong penalty only shrinks the logits, and
    that is put right afterwards. They are tried from strong to weak until the loss has risen
    twice running: it falls and then rises, and the weakest take the longest.
    """
    if len(fold_of) == 0:
        return pd.DataFrame(columns=SCORES), np.empty((0, n_classes))
    rows, held_out, start = [], [], None
    fold_weights = weights * (fold_of != np.arange(fold_of.max() + 1)[:, None])
    for l2 in STRENGTHS:
        # From strong to weak, each fit starts where the last one ended.
        start, _ = softmax_regression.fit(x, labels, fold_weights, n_classes, l2, start)
        logits = np.einsum("nd,cnd->nc", x, start[:, fold_of])
        temperature = best_temperature(logits, labels)
        losses = -np.log(softmax(logits / temperature)[np.arange(len(labels)), labels])
        hits = logits.argmax(axis=1) == labels
        log_loss, accuracy = ((weights * each).mean().round(LOSS) for each in (losses, hits))
        rows.append((l2, float(log_loss), float(accuracy), temperature))
        held_out.append(logits)
        if len(rows) > 2 and rows[-3][1] < rows[-2][1] < rows[-1][1]:
            break
    scores = pd.DataFrame(rows, columns=SCORES)
    return scores, held_out[int(scores["log_loss"].argmin())]


def _best(scores: pd.DataFrame) -> tuple[float, float]:
    """Return the strength of least log loss and its temperature; without scores, the strongest."""
    if scores.empty:
        return STRENGTHS[0], 1.0
    best = scores.iloc[int(scores["log_loss"].argmin())]
    return float(best["l2"]), float(best["temperature"])


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature in [0.05, 20] with the least log loss, to three digits.

    Labels are indices of shape (n,), or probabilities (n, C).

    Guo et al. 2017, On Calibration of Modern Neural Networks. In 1 / temperature the loss is
    convex: its slope is 0 at one place, found by halving.
    """
    least, most = 1 / HOTTEST, 1 / COLDEST
    targets = np.eye(logits.shape[1])[labels] if labels.ndim == 1 else labels
    own = (targets * logits).sum(axis=1)
    while most - least > 1e-9 * most:
        middle = (least + most) / 2
        slope = ((softmax(middle * logits) * logits).sum(axis=1) - own).mean()
        least, most = (middle, most) if slope < 0 else (least, middle)
    return float(f"{2 / (least + most):.3g}")
