"""Figures as they are written and read: an estimate with its interval, alone or by metric."""

from typing import Generic, TypeVar

from faceloop.base.records import Record


class Estimate(Record):
    """A figure and the ends of its interval; all three alike where it was counted."""

    value: float
    low: float
    high: float


def exactly(value: float) -> Estimate:
    """Return a figure that was counted: its interval has no width."""
    return Estimate(value=value, low=value, high=value)


class Difference(Estimate):
    """A paired difference, candidate - accepted, and the chances of one as large between equals.

    p_gain, p_loss: of such a gain and of such a loss, by the swap test.
    """

    p_gain: float
    p_loss: float


class EstimateWithError(Estimate):
    """An estimate with its standard error, for intervals at other levels."""

    error: float


Figure = TypeVar("Figure")


class ByMetric(Record, Generic[Figure]):
    """The same figure of each of METRICS."""

    accuracy: Figure
    macro_f1: Figure
    balanced_accuracy: Figure

    def __getitem__(self, metric: str) -> Figure:
        """Return the figure of a metric, by a name of METRICS."""
        return getattr(self, metric)


class ClassFigures(Record):
    """Precision, recall and F1 of one class, and how many faces show it."""

    precision: float
    recall: float
    f1: float
    n: int
