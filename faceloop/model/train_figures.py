"""What training writes of the candidate: what it learnt from, and how the fit went."""

from faceloop.base.records import Record, RoundRecord


class CrossValidation(Record):
    """The chosen strength on the held-out folds."""

    log_loss: float
    accuracy: float
    temperature: float


class TrainFigures(RoundRecord):
    """The candidate's training: its faces, and the head that came of them.

    weights: of the members of a head that learns from the pool; none of a plain one.
    loss: at the end of the fit.
    cross_validation: None where there was too little to hold out.
    """

    faces: int
    by_class: dict[str, int]
    classes_without_example: list[str]
    head: str
    weights: dict[str, float]
    l2: float
    temperature: float
    loss: float
    cross_validation: CrossValidation | None
