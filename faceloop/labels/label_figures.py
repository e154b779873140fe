"""What merge_labels writes: figures of the labels, and how well people agree."""

from faceloop.base.records import Record, RoundRecord
from faceloop.statistics.estimates import Estimate


class PairAgreement(Record):
    """Two people on the faces that both labelled: how many, the share alike, and Cohen's kappa."""

    faces: int
    agreement: float
    kappa: float | None


class AnnotatorFigures(Record):
    """One person's votes.

    median_seconds: a face; None where the votes were not timed.
    compared: votes on faces of which the others say something.
    agreement: the share of these that gave the label which most of the others gave.
    """

    votes: int
    median_seconds: float | None
    compared: int
    agreement: float | None


class AgreementFigures(Record):
    """How well people agree where they voted blind.

    faces, groups: that several people labelled; photos and tracks of theirs.
    alpha: Krippendorff's; None where it is not defined.
    kappa: the mean over pairs of people, weighted by their faces.
    confused: how many pairs of votes gave these two labels.
    """

    votes: int
    faces: int
    groups: int
    alpha: Estimate | None
    kappa: float | None
    pairs: dict[str, PairAgreement]
    confused: dict[str, int]
    annotators: dict[str, AnnotatorFigures]


class QueueFigures(Record):
    """One round's queue and votes; extensions: how often it was made longer."""

    queued: int
    answered: int
    votes: int
    validation: int
    extensions: int


class LabelFigures(RoundRecord):
    """The labels up to a round.

    agreement: the share of agreeing pairs of votes, over faces with two votes or more.
    adjudications: rows; adjudicated: the faces that they settle; conflicts_open: those that people
    disagree on and nobody has settled.
    re_anchored, unplaced: votes whose face has another id now, and that found none.
    """

    faces: int
    votes: int
    annotators: int
    by_class: dict[str, int]
    unsure: int
    not_a_face: int
    unresolved: int
    by_split: dict[str, int]
    by_round: dict[str, QueueFigures]
    agreement: float | None
    faces_with_several_votes: int
    adjudications: int
    adjudications_unplaced: int
    adjudicated: int
    conflicts_open: int
    re_anchored: int
    unplaced: int
    blind: AgreementFigures
