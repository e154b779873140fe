"""What validation faces alone cannot tell: figures for the whole batch, and how models settle."""

import numpy as np

from faceloop.evaluation.comparison import PairedPredictions, confusions_of
from faceloop.evaluation.evaluation_figures import PredictionAgreement, WholeBatchFigures
from faceloop.evaluation.held_out import WholeBatch
from faceloop.model.head import Head, blocks, predict
from faceloop.statistics.confusion import METRICS, confusion_by_group, figures
from faceloop.statistics.estimates import EstimateWithError
from faceloop.statistics.intervals import Error, deviation, share_interval
from faceloop.statistics.kappa import cohen_kappa
from faceloop.statistics.params import Intervals
from faceloop.statistics.resampling import LENT, bootstrap_confusions, lend_faces


def whole_batch_figures(
    judged: PairedPredictions,
    batch: WholeBatch,
    head: Head,
    settings: Intervals,
    rng: np.random.Generator,
) -> WholeBatchFigures | None:
    """Estimate the candidate's figures on every face of the batch, easy and hard.

    Validation faces come from what is left of the pool. Once its hard faces have been picked for
    training, they look too good. So the counts of two strata are added (Särndal et al., Model
    Assisted Survey Sampling, 1992, section 3.7): faces labelled before this round, each by what
    the model says of it while held out; and the rest, for which the validation faces stand. Of the
    first nothing is sampled: the interval is the second's. Heads out of fold learnt from fewer
    faces, so this leans to the low side.

    Returns:
        None where the model trained on a face and no fold held it out, or nothing was validated.
    """
    fresh, n_classes = np.isnan(batch.out_of_fold).any(axis=1), len(head.classes)
    if len(judged.truth) == 0 or (fresh & batch.trained).any():
        return None
    p = batch.out_of_fold.copy()
    p[fresh] = predict(head, batch.features[fresh])
    known = confusion_by_group(batch.truth, p.argmax(axis=1), batch.truth * 0, n_classes).sum(0)
    by_group, varying = confusions_of(judged, judged.candidate)
    n_groups, scale = len(by_group), batch.rest / by_group.sum()
    (draws,) = bootstrap_confusions([varying], settings.bootstrap, rng)
    draws *= batch.rest / draws.sum(axis=(1, 2), keepdims=True)
    points = figures(known + by_group.sum(axis=0) * scale)
    drawn = figures(known + lend_faces(draws, rng, LENT * scale))
    drawn["accuracy"] = figures(known + draws)["accuracy"]
    # Where no error was seen in the rest, a rate of 3 / n is not ruled out.
    least = 1.5 / n_groups * batch.rest / (batch.rest + len(batch.truth))
    found = {}
    for metric in METRICS:
        value, error = float(points[metric]), max(deviation(drawn[metric], n_groups), least)
        low, high = share_interval(value, Error(error, n_groups - 1), n_groups, settings.confidence)
        found[metric] = EstimateWithError(value=value, low=low, high=high, error=error)
    return WholeBatchFigures(
        known=len(batch.truth), rest=round(batch.rest), groups=n_groups, **found
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
