"""The learning curve: each round's figures, from the commits that hold them."""

from collections.abc import Collection
from typing import NamedTuple

from pydantic import ConfigDict, ValidationError

from faceloop.base.records import Record, RoundRecord
from faceloop.base.rounds import order_of
from faceloop.base.storage import METRICS_DIR
from faceloop.commands.report.revisions import commits_of, read_at
from faceloop.statistics.estimates import ByMetric, Estimate


class Point(NamedTuple):
    """A round: its labels so far, and the candidate's figure on its own validation set."""

    round: str
    labels: int
    value: float
    low: float
    high: float
    verdict: str


class GateThen(RoundRecord):
    """What the curve needs of a commit's gate.json, other keys as they may be."""

    model_config = ConfigDict(extra="ignore")

    labels: int
    verdict: str


class ModelThen(ByMetric[Estimate]):
    """The same of a model in iteration.json."""

    model_config = ConfigDict(extra="ignore")


class IterationThen(Record):
    """The same of iteration.json."""

    model_config = ConfigDict(extra="ignore")

    candidate: ModelThen | None = None


def rounds_curve(metric: str, rounds: Collection[str]) -> list[Point]:
    """Return the latest figures of each of these rounds, in their order.

    They are read from every commit that changed them, and from the working tree, so
    that a round judged anew counts once. A round without a validation face has no point.
    """
    files = [METRICS_DIR / f"{name}.json" for name in ("gate", "iteration")]
    names = [path.as_posix() for path in files]
    pairs = [[read_at(commit, name) for name in names] for commit in commits_of(*names)]
    pairs.append([path.read_bytes() for path in files])
    points = {}
    for pair in pairs:
        point = point_of(pair[0] or b"", pair[1] or b"", metric)
        if point and point.round in rounds:
            points[point.round] = point
    return sorted(points.values(), key=lambda point: order_of(point.round))


def point_of(gate: bytes, iteration: bytes, metric: str) -> Point | None:
    """Return a commit's point; None where it has no figures that this version knows."""
    try:
        verdict = GateThen.model_validate_json(gate)
        candidate = IterationThen.model_validate_json(iteration).candidate
    except ValidationError:
        return None
    if candidate is None:
        return None
    figure = candidate[metric]
    about = verdict.round, verdict.labels
    return Point(*about, figure.value, figure.low, figure.high, verdict.verdict)
