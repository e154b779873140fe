"""What validation faces alone cannot tell: figures for the whole batch, and how models settle."""

import math

import numpy as np

from faceloop.evaluation.comparison import PairedPredictions, confusions_of, errors
from faceloop.evaluation.evaluation_figures import PredictionAgreement, WholeBatchFigures
from faceloop.evaluation.held_out import WholeBatch
from faceloop.model.head import Head, blocks, predict
from faceloop.statistics.confusion import METRICS, figures
from faceloop.statistics.estimates import EstimateWithError
from faceloop.statistics.intervals import Error, share_interval
from faceloop.statistics.kappa import cohen_kappa
from faceloop.statistics.params import Intervals
from faceloop.statistics.resampling import bootstrap_confusions


def whole_batch_figures(
    judged: PairedPredictions,
    batch: WholeBatch,
    head: Head,
    settings: Intervals,
    rng: np.random.Generator,
) -> WholeBatchFigures | None:
    """Estimate the candidate's figures on every face of the batch, easy and hard.

    Each round's validation faces are a random sample of the batch, so all of them are: those of
    this round, and those of earlier ones by what the model says of them while held out. Picked
    faces tell nothing of the others and do not count. The error is that of a sample without
    replacement, (1 - n / N) of the variance (Särndal et al., Model Assisted Survey Sampling, 1992,
    section 3.3). Heads out of fold learnt from fewer faces, so this leans to the low side.

    Returns:
        None where the model trained on a face and no fold held it out, or nothing was validated.
    """
    fresh, n = np.isnan(batch.out_of_fold).any(axis=1), len(judged.truth) + len(batch.truth)
    if len(judged.truth) == 0 or (fresh & batch.trained).any():
        return None
    p = batch.out_of_fold.copy()
    p[fresh] = predict(head, batch.features[fresh])
    drawn_so_far = with_earlier(judged, batch, p)
    by_group, varying = confusions_of(drawn_so_far, drawn_so_far.candidate)
    (draws,) = bootstrap_confusions([varying], settings.bootstrap, rng)
    points, spread = figures(by_group.sum(axis=0)), errors(draws, by_group, rng)
    n_groups, left = len(by_group), math.sqrt(max(1 - n / batch.faces, 0))
    found = {}
    for metric in METRICS:
        # Where no error was seen, a rate of 3 / n is not ruled out.
        error = max(spread[metric].deviation, 1.5 / n_groups) * left
        value = float(points[metric])
        low, high = share_interval(value, Error(error, n_groups - 1), n_groups, settings.confidence)
        found[metric] = EstimateWithError(value=value, low=low, high=high, error=error)
    known = len(batch.truth)
    return WholeBatchFigures(known=known, rest=round(batch.faces) - known, groups=n_groups, **found)


def with_earlier(judged: PairedPredictions, batch: WholeBatch, p: np.ndarray) -> PairedPredictions:
    """Return the round's validation faces and those of earlier rounds, of whom the model says p."""
    weights = np.ones(len(judged.truth)) if judged.weights is None else judged.weights
    known = batch.strata is not None and judged.strata is not None
    everyone = np.vstack([judged.candidate, p])
    return PairedPredictions(
        np.concatenate([judged.truth, batch.truth]),
        np.concatenate([judged.groups, batch.groups]),
        accepted=everyone,
        candidate=everyone,
        weights=np.concatenate([weights, batch.weights]),
        strata=np.concatenate([judged.strata, batch.strata]) if known else None,
    )


def prediction_agreement(batch: WholeBatch, accepted: Head, candidate: Head) -> PredictionAgreement:
    """Return how far two successive models agree on the faces without a label.

    Stabilising predictions: Cohen's kappa of 0.99 over three rounds ends the labelling of
    Bloodgood and Vijay-Shanker (2009, CoNLL). Where two models say the same neither is better, so
    their accuracy on these faces differs by at most 1 - agreement: known without a label.
    """
    n = int(batch.unlabelled.sum())
    if n == 0:
        return PredictionAgreement(faces=0, agreement=None, kappa=None)
    both = np.zeros((len(accepted.classes), len(candidate.classes)))
    for rows in blocks(len(batch.unlabelled)):
        features = batch.embeddings[rows]
        before, after = (
            predict(head, features).argmax(axis=1)[batch.unlabelled[rows]]
            for head in (accepted, candidate)
        )
        np.add.at(both, (before, after), 1)
    kappa = cohen_kappa(both)
    return PredictionAgreement(
        faces=n,
        agreement=float(np.trace(both)) / n,
        kappa=1.0 if kappa is None else kappa,  # one class for all of them, said by both
    )
