"""Figures of a released model on faces it did not learn from: by class, by group, by confidence."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from faceloop.evaluation.comparison import errors, with_intervals
from faceloop.evaluation.params import Evaluation
from faceloop.statistics.confusion import confusion_by_group, figures
from faceloop.statistics.intervals import Error, deviation, share_interval
from faceloop.statistics.resampling import bootstrap_confusions

LEAST_FACES = 20  # fewer say more about the people in them than about the model


def class_figures(
    faces: pd.DataFrame, n_classes: int, settings: Evaluation, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return `n` and precision, recall and F1 of each class, with group-bootstrap intervals.

    A figure that no face tells anything about is None.

    Args:
        faces: columns truth, predicted (indices into the classes) and group.
        n_classes: number of classes.
        settings: bootstrap and confidence.
        rng: of the bootstrap.
    """
    counts = _counts(faces, n_classes)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), settings.bootstrap)
    confusions = np.tensordot(drawn, counts, axes=1)
    points, draws = _rates(counts.sum(axis=0)), _rates(confusions)
    return [
        {"n": int(counts[:, at].sum())}
        | {
            name: None
            if np.isnan(points[name][at])
            else _rate(points[name][at], draws[name][:, at], groups, settings.confidence)
            for name in points
            for groups in [int(_about(counts, at, name).sum())]
        }
        for at in range(n_classes)
    ]


def _rate(point: float, draws: np.ndarray, n_groups: int, confidence: float) -> dict[str, float]:
    """Return a rate with its interval; draws in which it is 0 / 0 tell nothing."""
    error = Error(deviation(draws[~np.isnan(draws)], n_groups), n_groups - 1)
    low, high = share_interval(float(point), error, n_groups, confidence)
    return {"value": float(point), "low": low, "high": high}


def _counts(faces: pd.DataFrame, n_classes: int) -> np.ndarray:
    truth, predicted = faces["truth"].to_numpy(), faces["predicted"].to_numpy()
    return confusion_by_group(truth, predicted, faces["group"].to_numpy(), n_classes)


def _rates(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall and F1 (..., C) of confusions (..., C, C); NaN for 0 / 0."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    with np.errstate(invalid="ignore"):
        return {
            "precision": hits / predicted,
            "recall": hits / true,
            "f1": 2 * hits / (true + predicted),
        }


def _about(counts: np.ndarray, at: int, name: str) -> np.ndarray:
    """Tell which groups hold a face that a class's figure is about."""
    true, predicted = counts[:, at].sum(axis=1) > 0, counts[:, :, at].sum(axis=1) > 0
    return {"precision": predicted, "recall": true, "f1": true | predicted}[name]


def figures_by_value(
    faces: pd.DataFrame,
    kinds: pd.DataFrame,
    n_classes: int,
    settings: Evaluation,
    rng: np.random.Generator,
) -> Iterator[dict[str, Any]]:
    """Yield accuracy and macro-F1 for each kind of source; those of few faces are left out.

    Args:
        faces: as in `class_figures`.
        kinds: what people know of the faces' sources, such as country: a row a face; "" is unknown.
        n_classes: number of classes.
        settings: bootstrap and confidence.
        rng: of the bootstrap.

    Yields:
        column, value, n, groups, and accuracy and macro_f1 with value, low, high.
    """
    for column in kinds:
        for value in sorted(set(kinds[column]) - {""}):
            some = faces[(kinds[column] == value).to_numpy()]
            if len(some) < LEAST_FACES:
                continue
            counts = _counts(some, n_classes)
            (draws,) = bootstrap_confusions([counts], settings.bootstrap, rng)
            points = figures(counts.sum(axis=0))
            spread = errors(draws, counts, rng)
            found = with_intervals(points, spread, len(counts), settings.confidence)
            yield {
                "column": column,
                "value": value,
                "n": len(some),
                "groups": len(counts),
                **{name: found[name] for name in ("accuracy", "macro_f1")},
            }


def certain_above(
    confidence: np.ndarray, is_right: np.ndarray, precision: float
) -> dict[str, float] | None:
    """Return the least confidence at and above which predictions are right often enough.

    Args:
        confidence: the winning class's probability of n held-out faces.
        is_right: bool of shape (n,).
        precision: how often they must be right, such as 0.95.

    Returns:
        threshold; faces at or above it, the share of all that they are, and how often they are
        right; None where no threshold that leaves LEAST_FACES does it.
    """
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    right = np.cumsum(is_right[order]) / kept
    is_last = np.diff(confidence[order], append=-1) != 0  # equal confidences stand or fall together
    good = np.flatnonzero((right >= precision) & (kept >= LEAST_FACES) & is_last)
    if not len(good):
        return None
    at = int(good[-1])
    return {
        "threshold": float(confidence[order[at]]),
        "faces": at + 1,
        "share": (at + 1) / len(order),
        "precision": float(right[at]),
    }
