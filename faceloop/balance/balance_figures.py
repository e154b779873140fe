"""What the balance stage writes: whom a batch shows, beside whom it was meant to show."""

from typing import Literal

from pydantic import Field

from faceloop.base.records import Record, RoundRecord
from faceloop.statistics.estimates import Estimate

CLASS = "class"  # the key of class shares among the targets; no column may be named so
TargetVerdict = Literal["skewed", "open", "met"]
Shares = dict[str, Estimate]  # by class, or by a column's value


class ValueFigures(Record):
    """The faces of one value of a column: how many, their share, and their classes' if known."""

    faces: int
    share: float
    classes: Shares | None = Field(alias="class")


class ColumnFigures(Record):
    """A column that the user knows of the sources.

    withheld: how many values have too few faces to be shown.
    unknown: faces whose source has no value.
    """

    values: dict[str, ValueFigures]
    withheld: int
    unknown: int


class Coverage(Record):
    """The share of the unlabelled faces that is far from every labelled one.

    distance: cosine, above which a face is far.
    """

    distance: float
    far: Estimate


class TargetFigures(Record):
    """A share beside its target; `value` is None where it is not known or too small to show."""

    column: str
    name: str
    value: float | None
    low: float
    high: float
    target: float
    verdict: TargetVerdict


class BatchFigures(RoundRecord):
    """A batch: its faces, those of them labelled with a class, and its share of near-duplicates."""

    name: str
    faces: int
    labelled: int
    near_duplicates: float


class BalanceFigures(BatchFigures):
    """Whom a batch shows.

    pool, batch: class shares of its unlabelled faces, and of all of it; None where `reason` says
    why.
    random_labels: labels of faces drawn at random that the shares are corrected by.
    verdict: the worst of the targets'.
    reasons: the same in words.
    """

    reason: str | None
    random_labels: int
    pool: Shares | None
    batch: Shares | None
    columns: dict[str, ColumnFigures]
    coverage: Coverage | None
    targets: list[TargetFigures]
    verdict: TargetVerdict | None
    reasons: list[str]
