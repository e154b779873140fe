"""Confusion counts of a classifier, and the figures that follow from them."""

from collections.abc import Sequence

import numpy as np

from faceloop.statistics.estimates import ClassFigures

METRICS = ("accuracy", "macro_f1", "balanced_accuracy")


def confusion_by_group(
    truth: np.ndarray,
    predicted: np.ndarray,
    groups: np.ndarray,
    n_classes: int,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return (weighted) counts of shape (n_groups, C, C): rows truth, columns prediction."""
    names, place = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), n_classes, n_classes))
    np.add.at(counts, (place, truth, predicted), 1 if weights is None else weights)
    return counts


def within_strata(
    truth: np.ndarray,
    predicted: np.ndarray,
    groups: np.ndarray,
    n_classes: int,
    weights: np.ndarray | None,
    strata: np.ndarray,
) -> np.ndarray:
    """Return counts (n_groups, C, C) to resample in place of `confusion_by_group`'s.

    They have the same total, and vary only as faces do within their strata: what a sample drawn
    by strata cannot get wrong between them is no error of it (residuals, as Särndal et al., Model
    Assisted Survey Sampling, 1992, section 3.7, summed by group; n - H degrees of freedom).
    """
    n, weight = len(truth), np.ones(len(truth)) if weights is None else weights
    faces = np.zeros((n, n_classes, n_classes))
    faces[np.arange(n), truth, predicted] = 1
    _, stratum = np.unique(strata, return_inverse=True)
    sums = np.zeros((stratum.max() + 1, n_classes, n_classes))
    np.add.at(sums, stratum, faces * weight[:, None, None])
    means = sums / np.bincount(stratum, weight)[:, None, None]
    residuals = (faces - means[stratum]) * weight[:, None, None]
    residuals *= np.sqrt(n / max(n - len(means), 1))
    names, place = np.unique(groups, return_inverse=True)
    counts = np.tile(sums.sum(axis=0) / len(names), (len(names), 1, 1))
    np.add.at(counts, place, residuals)
    return counts


def figures(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return accuracy, macro-F1 and balanced accuracy of confusion counts (..., C, C).

    As in scikit-learn: macro-F1 is the mean over classes that occur in truth or prediction,
    balanced accuracy the mean recall over classes that occur in truth.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    of_class = class_rates(confusion)
    return {
        "accuracy": _divide(hits.sum(axis=-1), true.sum(axis=-1)),
        "macro_f1": _divide(
            of_class["macro_f1"].sum(axis=-1), ((true + predicted) > 0).sum(axis=-1)
        ),
        "balanced_accuracy": _divide(
            of_class["balanced_accuracy"].sum(axis=-1), (true > 0).sum(axis=-1)
        ),
    }


def class_rates(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return what macro-F1 and balanced accuracy are means of: F1 and recall by class (..., C)."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    return {
        "macro_f1": _divide(2 * hits, true + predicted),
        "balanced_accuracy": _divide(hits, true),
    }


def per_class(confusion: np.ndarray, classes: Sequence[str]) -> dict[str, ClassFigures]:
    """Return precision, recall, F1 and number of faces of each class."""
    hits = np.diagonal(confusion)
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = _divide(hits, predicted), _divide(hits, true)
    f1 = _divide(2 * hits, true + predicted)
    return {
        name: ClassFigures(
            precision=float(precision[at]),
            recall=float(recall[at]),
            f1=float(f1[at]),
            n=round(true[at]),
        )
        for at, name in enumerate(classes)
    }


def class_shares(confusion: np.ndarray) -> np.ndarray:
    """Return each class's share of the truth, of shape (..., C)."""
    true = confusion.sum(axis=-1)
    return _divide(true, np.broadcast_to(true.sum(axis=-1, keepdims=True), true.shape))


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)
