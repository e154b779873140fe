"""What the gate writes: a round's verdict, and of which labels it is."""

from typing import Literal

from faceloop.base.records import RoundRecord

Verdict = Literal["start", "continue", "stop", "target_met", "undecided"]


class GateFigures(RoundRecord):
    """A round's verdict beside what it hangs on.

    rejected: the round over-fits, and its faces stay out of training.
    more_labels: validation faces that would probably settle an open gain; 0 where none is open.
    without_gain: rounds in a row.
    labels, adjudications: all that there were.
    queued, answered: the round's faces.
    looks: how often the gate was asked so far.
    pool_left, unseen_left: faces that may still be asked about, and those that could validate.
    """

    accepted: str
    verdict: Verdict
    rejected: bool
    more_labels: int
    without_gain: int
    reasons: list[str]
    metric: str
    target: float
    labels: int
    adjudications: int
    queued: int
    answered: int
    looks: int
    pool_left: int
    unseen_left: int
