"""What the eval stages write: two models on the same faces, and the shadow arm."""

from typing import Literal

from faceloop.base.records import Record, RoundRecord
from faceloop.statistics.estimates import (
    ByMetric,
    ClassFigures,
    Difference,
    Estimate,
    EstimateWithError,
)


class ModelFigures(ByMetric[Estimate]):
    """One model on a set of faces. ece: the expected calibration error."""

    log_loss: float
    ece: float
    per_class: dict[str, ClassFigures]


class Comparison(Record):
    """Both models on the same faces; of no face, no figure.

    n, groups: faces, and the photos and tracks that they are from.
    confidence: of the intervals, two-sided.
    class_shares: of the faces' true classes.
    """

    n: int
    groups: int
    confidence: float
    accepted: ModelFigures | None = None
    candidate: ModelFigures | None = None
    delta: ByMetric[Difference] | None = None
    class_shares: dict[str, Estimate] = {}


class WholeBatchFigures(Record):
    """The candidate on every face of the batch.

    known, rest: faces that earlier rounds drew at random, and all others of the batch.
    groups: photos and tracks of all faces drawn at random.
    """

    known: int
    rest: int
    groups: int
    accuracy: EstimateWithError
    macro_f1: EstimateWithError
    balanced_accuracy: EstimateWithError

    def __getitem__(self, metric: str) -> EstimateWithError:
        """Return the figure of a metric, by a name of METRICS."""
        return getattr(self, metric)


class PredictionAgreement(Record):
    """How far both models agree on the unlabelled faces; None where there is none.

    agreement: the share that they say the same of.
    kappa: Cohen's.
    """

    faces: int
    agreement: float | None
    kappa: float | None


class IterationFigures(Comparison):
    """Both models on the round's validation set, and what it cannot tell alone.

    whole_batch: None where too little is labelled to estimate it.
    """

    whole_batch: WholeBatchFigures | None
    pool_agreement: PredictionAgreement


class LabelsSaved(Record):
    """The share of labels that picking has saved.

    bound: which one `value` is, where the curve does not reach the score; an end of the interval
    that it does not reach is None.
    """

    value: float
    bound: Literal["at least", "at most"] | None
    low: float | None
    high: float | None


class ShadowFigures(RoundRecord):
    """The active arm against the random arm, of `labels` each beside the `base` of both.

    metric: what labels_saved is in.
    n: faces that they were judged on.
    reason: why the rest is not known; None where it is.
    delta: active - random.
    """

    labels: int
    base: int
    metric: str
    n: int
    reason: str | None = None
    labels_saved: LabelsSaved | None = None
    random: ByMetric[Estimate] | None = None
    active: ByMetric[Estimate] | None = None
    delta: ByMetric[Difference] | None = None
