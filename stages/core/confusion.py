"""Confusion counts of a classifier, and the figures that follow from them."""

from collections.abc import Sequence

import numpy as np

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


def figures(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return accuracy, macro-F1 and balanced accuracy of confusion counts (..., C, C).

    As in scikit-learn: macro-F1 is the mean over classes that occur in truth or prediction,
    balanced accuracy the mean recall over classes that occur in truth.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    f1 = _divide(2 * hits, true + predicted)
    recall = _divide(hits, true)
    return {
        "accuracy": _divide(hits.sum(axis=-1), true.sum(axis=-1)),
        "macro_f1": _divide(f1.sum(axis=-1), ((true + predicted) > 0).sum(axis=-1)),
        "balanced_accuracy": _divide(recall.sum(axis=-1), (true > 0).sum(axis=-1)),
    }


def per_class(confusion: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and number of faces of each class."""
    hits = np.diagonal(confusion)
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    table = {
        "precision": _divide(hits, predicted),
        "recall": _divide(hits, true),
        "f1": _divide(2 * hits, true + predicted),
        "n": np.rint(true).astype(int),
    }
    return {
        name: {figure: values[place].item() for figure, values in table.items()}
        for place, name in enumerate(classes)
    }


def class_shares(confusion: np.ndarray) -> np.ndarray:
    """Return each class's share of the truth, of shape (..., C)."""
    true = confusion.sum(axis=-1)
    return _divide(true, np.broadcast_to(true.sum(axis=-1, keepdims=True), true.shape))


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)
