"""Figures of a classifier, and of two on the same faces, with intervals and tests by group.

Everything is computed from confusion counts a group, so that a bootstrap of a thousand replicates
is one matrix product. A replicate draws whole groups (photos, tracks) with replacement (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993): its spread is the standard error that the
intervals are made from. Faces drawn with unequal probability count by its inverse.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.evaluation.evaluation_figures import Comparison, ModelFigures
from faceloop.evaluation.held_out import HeldOut
from faceloop.model.head import predict
from faceloop.statistics.confusion import (
    METRICS,
    class_rates,
    class_shares,
    confusion_by_group,
    figures,
    per_class,
    within_strata,
)
from faceloop.statistics.estimates import ByMetric, Difference, Estimate
from faceloop.statistics.intervals import (
    Error,
    deviation,
    difference_interval,
    effective_groups,
    freedom_of_mean,
    share_estimate,
)
from faceloop.statistics.params import Intervals
from faceloop.statistics.resampling import SWAPS, bootstrap_confusions, lend_faces, swap_test

BINS = 10  # of confidence: more would hold a face or two each on a validation set of 60


class PairedPredictions(NamedTuple):
    """Both models' probabilities (n, C) on the same n faces, with truth (n,) and groups (n,).

    `weights` (n,) of mean 1: how many faces each stands for; None where all count alike. `strata`
    (n,): what the faces were drawn by; None where by nothing.
    """

    truth: np.ndarray
    groups: np.ndarray
    accepted: np.ndarray
    candidate: np.ndarray
    weights: np.ndarray | None = None
    strata: np.ndarray | None = None


def predict_with_both(held_out: HeldOut) -> PairedPredictions:
    """Predict the held-out faces with both models."""
    return PairedPredictions(
        held_out.truth,
        held_out.groups,
        accepted=predict(held_out.accepted, held_out.features),
        candidate=predict(held_out.candidate, held_out.features),
        weights=held_out.weights,
        strata=held_out.strata,
    )


def confusions_of(judged: PairedPredictions, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a model's confusion counts (n_groups, C, C), and those to resample in their place."""
    said, n_classes = p.argmax(axis=1), p.shape[1]
    plain = confusion_by_group(judged.truth, said, judged.groups, n_classes, judged.weights)
    if judged.strata is None:
        return plain, plain
    return plain, within_strata(
        judged.truth, said, judged.groups, n_classes, judged.weights, judged.strata
    )


def log_loss(truth: np.ndarray, p: np.ndarray) -> float:
    """Return the mean -ln p of the true class; p is kept above 1e-12."""
    return float(-np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-12)).mean())


def reliability(truth: np.ndarray, p: np.ndarray, bins: int = BINS) -> pd.DataFrame:
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


def expected_calibration_error(truth: np.ndarray, p: np.ndarray, bins: int = BINS) -> float:
    """Return the mean gap between confidence and accuracy over bins (Naeini et al. 2015)."""
    table = reliability(truth, p, bins)
    gaps = (table["confidence"] - table["accuracy"]).abs()
    return float((gaps * table["faces"]).sum() / table["faces"].sum())


def compare(
    judged: PairedPredictions,
    classes: Sequence[str],
    settings: Intervals,
    rng: np.random.Generator,
) -> Comparison:
    """Return both models' figures and their paired differences, candidate - accepted.

    The differences' p values are the swap test's.
    """
    n, confidence = len(judged.truth), settings.confidence
    if n == 0:
        return Comparison(n=0, groups=0, confidence=confidence)
    models = (judged.accepted, judged.candidate)
    confusions, varying = zip(*(confusions_of(judged, p) for p in models), strict=True)
    drawn = bootstrap_confusions(varying, settings.bootstrap, rng)
    accepted, candidate = (
        model_figures(judged.truth, p, errors(draws, one, rng), one, classes, settings)
        for p, one, draws in zip(models, confusions, drawn, strict=True)
    )
    return Comparison(
        n=n,
        groups=len(confusions[0]),
        confidence=confidence,
        accepted=accepted,
        candidate=candidate,
        delta=_deltas(confusions, drawn, settings, rng),
        class_shares=_class_shares(confusions[-1], drawn[-1], classes, confidence),
    )


def model_figures(
    truth: np.ndarray,
    p: np.ndarray,
    spread: Mapping[str, Error],
    counts: np.ndarray,
    classes: Sequence[str],
    settings: Intervals,
) -> ModelFigures:
    """Return one model's figures.

    Args:
        truth: (n,), indices into the classes.
        p: (n, C), its probabilities.
        spread: the errors of its figures, by metric.
        counts: (n_groups, C, C), of its predictions.
        classes: the C classes.
        settings: confidence.
    """
    total = counts.sum(axis=0)
    return ModelFigures(
        **estimates_of(figures(total), spread, len(counts), settings.confidence),
        log_loss=log_loss(truth, p),
        ece=expected_calibration_error(truth, p),
        per_class=per_class(total, classes),
    )


def errors(draws: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> dict[str, Error]:
    """Return each figure's standard error from bootstrap draws of groups.

    Args:
        draws: (replicates, C, C).
        counts: (n_groups, C, C), what was drawn from.
        rng: of the faces lent to each class.
    """
    lent, n_groups = lend_faces(draws, rng), len(counts)
    most = effective_groups(counts.sum(axis=(1, 2))) - 1
    drawn = {**figures(lent), "accuracy": figures(draws)["accuracy"]}
    true, predicted = counts.sum(axis=2) > 0, counts.sum(axis=1) > 0
    telling = {"macro_f1": true | predicted, "balanced_accuracy": true}
    freedom = {"accuracy": most} | {
        metric: min(freedom_of_mean(rates, telling[metric].sum(axis=0)), most)
        for metric, rates in class_rates(lent).items()
    }
    return {
        metric: Error(deviation(drawn[metric], n_groups), freedom[metric]) for metric in METRICS
    }


def estimates_of(
    points: Mapping[str, np.ndarray], errors: Mapping[str, Error], n_groups: int, confidence: float
) -> dict[str, Estimate]:
    """Return figures in [0, 1] with their intervals."""
    return {
        name: share_estimate(float(point), errors[name], n_groups, confidence)
        for name, point in points.items()
    }


def _deltas(
    confusions: Sequence[np.ndarray],
    drawn: Sequence[np.ndarray],
    settings: Intervals,
    rng: np.random.Generator,
) -> ByMetric[Difference]:
    """Return each figure's paired difference with its interval and the swap test's p values."""
    n_groups = len(confusions[0])
    before, after = (figures(one.sum(axis=0)) for one in confusions)
    draws_before, draws_after = (figures(one) for one in drawn)
    chances = swap_test(confusions, SWAPS, rng)
    found = {}
    for metric in METRICS:
        value = float(after[metric] - before[metric])
        error = deviation(draws_after[metric] - draws_before[metric], n_groups)
        low, high = difference_interval(value, error, n_groups, settings.confidence)
        gain, loss = chances[metric]
        found[metric] = Difference(value=value, low=low, high=high, p_gain=gain, p_loss=loss)
    return ByMetric[Difference](**found)


def _class_shares(
    counts: np.ndarray, draws: np.ndarray, classes: Sequence[str], confidence: float
) -> dict[str, Estimate]:
    """Return each class's share of the faces, from counts (n_groups, C, C) and their draws."""
    n_groups = len(counts)
    shares = dict(zip(classes, class_shares(counts.sum(axis=0)), strict=True))
    freedom = effective_groups(counts.sum(axis=(1, 2))) - 1
    spread = {
        name: Error(deviation(one, n_groups), freedom)
        for name, one in zip(classes, class_shares(draws).T, strict=True)
    }
    return estimates_of(shares, spread, n_groups, confidence)


def plot_points(judged: PairedPredictions, classes: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the points of the candidate's plots: confusion, reliability and per_class.

    `dvc plots diff` lays those of an earlier commit beside them.
    """
    names, predicted = np.array(classes), judged.candidate.argmax(axis=1)
    pairs = pd.DataFrame({"actual": names[judged.truth], "predicted": names[predicted]})
    counts = confusion_by_group(judged.truth, predicted, np.zeros(len(predicted)), len(classes))
    found = per_class(counts.sum(axis=0), classes)
    return {
        "confusion": pairs.sort_values(["actual", "predicted"]),
        "reliability": reliability(judged.truth, judged.candidate),
        "per_class": pd.DataFrame(
            [{"class": name, **found[name].model_dump()} for name in classes]
        ),
    }
