"""Figures of a released model on faces it did not learn from: by class, by group, by confidence."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.commands.release.model_facts import Certain
from faceloop.evaluation.comparison import errors, estimates_of
from faceloop.statistics.confusion import confusion_by_group, figures
from faceloop.statistics.estimates import Estimate
from faceloop.statistics.intervals import Error, deviation, share_estimate
from faceloop.statistics.params import Intervals
from faceloop.statistics.resampling import bootstrap_confusions

LEAST_FACES = 20  # fewer say more about the people in them than about the model


class ClassEstimates(NamedTuple):
    """Estimates for one class of n faces; None where no face tells anything about one."""

    n: int
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


class SourceEstimates(NamedTuple):
    """Estimates on the faces of one kind of source, such as country fr."""

    column: str
    value: str
    n: int
    groups: int
    accuracy: Estimate
    macro_f1: Estimate


def class_figures(
    faces: pd.DataFrame, n_classes: int, settings: Intervals, rng: np.random.Generator
) -> list[ClassEstimates]:
    """Return precision, recall and F1 of each class, with group-bootstrap intervals.

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
    found = []
    for at in range(n_classes):
        rates = (
            _rate(points[name][at], draws[name][:, at], int(about.sum()), settings.confidence)
            for name in points
            for about in [_about(counts, at, name)]
        )
        found.append(ClassEstimates(int(counts[:, at].sum()), *rates))
    return found


def _rate(point: float, draws: np.ndarray, n_groups: int, confidence: float) -> Estimate | None:
    """Return a rate with its interval; one that is 0 / 0, or draws of it, tell nothing."""
    if np.isnan(point):
        return None
    error = Error(deviation(draws[~np.isnan(draws)], n_groups), n_groups - 1)
    return share_estimate(float(point), error, n_groups, confidence)


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
    settings: Intervals,
    rng: np.random.Generator,
) -> Iterator[SourceEstimates]:
    """Yield accuracy and macro-F1 for each kind of source; those of few faces are left out.

    Args:
        faces: as in `class_figures`.
        kinds: what people know of the faces' sources, such as country: a row a face; "" is unknown.
        n_classes: number of classes.
        settings: bootstrap and confidence.
        rng: of the bootstrap.
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
            found = estimates_of(points, spread, len(counts), settings.confidence)
            rates = found["accuracy"], found["macro_f1"]
            yield SourceEstimates(str(column), value, len(some), len(counts), *rates)


def certain_above(confidence: np.ndarray, is_right: np.ndarray, precision: float) -> Certain | None:
    """Return from which confidence on predictions are right often enough.

    Args:
        confidence: the winning class's probability of n held-out faces.
        is_right: bool of shape (n,).
        precision: how often they must be right, such as 0.95.

    Returns:
        None where no threshold that leaves LEAST_FACES does it.
    """
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    right = np.cumsum(is_right[order]) / kept
    is_last = np.diff(confidence[order], append=-1) != 0  # equal confidences stand or fall together
    good = np.flatnonzero((right >= precision) & (kept >= LEAST_FACES) & is_last)
    if not len(good):
        return None
    at = int(good[-1])
    return Certain(
        threshold=float(confidence[order[at]]),
        faces=at + 1,
        share=(at + 1) / len(order),
        precision=float(right[at]),
    )
