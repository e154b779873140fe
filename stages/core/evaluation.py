"""Figures of a classifier, and of two on the same faces, with group-bootstrap intervals.

Everything is computed from confusion counts a group, so that a bootstrap of a thousand replicates
is one matrix product. A replicate draws whole groups (photos, tracks) with replacement (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993); intervals are percentiles.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.core.head import predict
from stages.core.records import HeldOut
from stages.core.settings import Evaluation

METRICS = ("accuracy", "macro_f1", "balanced_accuracy")


class Judged(NamedTuple):
    """Both models' probabilities (n, C) on the same n faces, with truth (n,) and groups (n,)."""

    truth: np.ndarray
    groups: np.ndarray
    accepted: np.ndarray
    candidate: np.ndarray


def judge(held_out: HeldOut) -> Judged:
    """Predict the held-out faces with both models."""
    p = [predict(head, held_out.features) for head in (held_out.accepted, held_out.candidate)]
    return Judged(held_out.truth, held_out.groups, *p)


def confusion_by_group(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return counts of shape (n_groups, C, C): rows truth, columns prediction."""
    names, place = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), n_classes, n_classes))
    np.add.at(counts, (place, truth, predicted), 1)
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


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def bootstrap_figures(
    confusions: Sequence[np.ndarray], replicates: int, rng: np.random.Generator
) -> list[dict[str, np.ndarray]]:
    """Return each model's figures over the same `replicates` draws of groups.

    Args:
        confusions: one (n_groups, C, C) a model, groups in the same order.
        replicates: number of draws.
        rng: of the draws.
    """
    n_groups, n_classes = confusions[0].shape[:2]
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=replicates)
    return [
        figures((drawn @ one.reshape(n_groups, -1)).reshape(replicates, n_classes, n_classes))
        for one in confusions
    ]


def log_loss(truth: np.ndarray, p: np.ndarray) -> float:
    """Return the mean -ln p of the true class; p is kept above 1e-12."""
    return float(-np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-12)).mean())


def reliability(truth: np.ndarray, p: np.ndarray, bins: int) -> pd.DataFrame:
    """Return mean confidence and accuracy in equal-width bins of confidence; empty bins left out.

    Columns: confidence, accuracy, faces.
    """
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    table = pd.DataFrame(
        {"bin": place, "confidence": confidence, "accuracy": correct.astype(float)}
    )
    grouped = table.groupby("bin")
    return grouped.mean().assign(faces=grouped.size()).reset_index(drop=True)


def expected_calibration_error(truth: np.ndarray, p: np.ndarray, bins: int) -> float:
    """Return the mean gap between confidence and accuracy over bins (Naeini et al. 2015)."""
    table = reliability(truth, p, bins)
    gaps = (table["confidence"] - table["accuracy"]).abs()
    return float((gaps * table["faces"]).sum() / table["faces"].sum())


def per_class(confusion: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and number of faces of each class."""
    hits = np.diagonal(confusion)
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    table = {
        "precision": _divide(hits, predicted),
        "recall": _divide(hits, true),
        "f1": _divide(2 * hits, true + predicted),
        "n": true.astype(int),
    }
    return {
        name: {figure: values[place].item() for figure, values in table.items()}
        for place, name in enumerate(classes)
    }


def compare(
    judged: Judged, classes: Sequence[str], settings: Evaluation, rng: np.random.Generator
) -> dict[str, Any]:
    """Return both models' figures and their paired differences, candidate - accepted.

    Returns:
        n, groups, confidence; `accepted` and `candidate`: figures with `low` and `high`, log_loss,
        ece, per_class; `delta`: value, low, high of each figure. With no face: n and groups alone.
    """
    n = len(judged.truth)
    if n == 0:
        return {"n": 0, "groups": 0}
    models = {"accepted": judged.accepted, "candidate": judged.candidate}
    confusions = [
        confusion_by_group(judged.truth, p.argmax(axis=1), judged.groups, len(classes))
        for p in models.values()
    ]
    n_groups = len(confusions[0])
    drawn = bootstrap_figures(confusions, settings.bootstrap, rng)
    result: dict[str, Any] = {
        "n": n,
        "groups": n_groups,
        "confidence": settings.confidence,
    }
    points = [figures(one.sum(axis=0)) for one in confusions]
    for name, p, one, point, draws in zip(
        models, models.values(), confusions, points, drawn, strict=True
    ):
        result[name] = {
            **{m: interval(point[m], draws[m], settings.confidence, n_groups, 0) for m in METRICS},
            "log_loss": log_loss(judged.truth, p),
            "ece": expected_calibration_error(judged.truth, p, settings.bins),
            "per_class": per_class(one.sum(axis=0), classes),
        }
    result["delta"] = {
        m: interval(
            points[1][m] - points[0][m],
            drawn[1][m] - drawn[0][m],
            settings.confidence,
            n_groups,
            -1,
        )
        for m in METRICS
    }
    return result


def interval(
    value: np.ndarray, draws: np.ndarray, confidence: float, n_groups: int, least: float
) -> dict[str, float]:
    """Return a figure with its percentile interval, within [least, 1].

    The interval reaches at least -ln(1 - confidence) / n_groups to each side: where no error, or no
    difference, was seen in n groups, every draw is alike, yet a rate of 3 / n is not ruled out
    (the rule of three: Hanley and Lippman-Hand 1983).
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    floor = -math.log(1 - confidence) / n_groups
    low, high = max(min(low, value - floor), least), min(max(high, value + floor), 1.0)
    return {"value": float(value), "low": float(low), "high": float(high)}


def plot_points(judged: Judged, classes: Sequence[str], bins: int) -> dict[str, pd.DataFrame]:
    """Return the points of the candidate's plots: confusion, reliability and per_class.

    `dvc plots diff` lays those of an earlier commit beside them.
    """
    names, predicted = np.array(classes), judged.candidate.argmax(axis=1)
    pairs = pd.DataFrame({"actual": names[judged.truth], "predicted": names[predicted]})
    counts = confusion_by_group(judged.truth, predicted, np.zeros(len(predicted)), len(classes))
    found = per_class(counts.sum(axis=0), classes)
    return {
        "confusion": pairs.sort_values(["actual", "predicted"]),
        "reliability": reliability(judged.truth, judged.candidate, bins),
        "per_class": pd.DataFrame([{"class": name, **found[name]} for name in classes]),
    }
