"""The learning curve: each round's figures, from the commits that hold them."""

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from faceloop.base.rounds import order_of
from faceloop.base.storage import METRICS_DIR
from faceloop.commands.report.revisions import commits_of, read_at


class Point(NamedTuple):
    """A round: its labels so far, and the candidate's figure on its own validation set."""

    round: str
    labels: int
    value: float
    low: float
    high: float
    verdict: str


def learning_curve(metric: str, rounds: Collection[str]) -> list[Point]:
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
        if None not in pair:
            figures = [json.loads(content or b"") for content in pair]
            point = point_of(figures[0], figures[1], metric)
            if point and point.round in rounds:
                points[point.round] = point
    return sorted(points.values(), key=lambda point: order_of(point.round))


def point_of(gate: dict[str, Any], iteration: dict[str, Any], metric: str) -> Point | None:
    """Return a commit's point; None where it has no figure of that name."""
    figure = iteration.get("candidate", {}).get(metric)
    if figure is None or "round" not in gate:
        return None
    about = gate["round"], gate["labels"]
    return Point(*about, figure["value"], figure["low"], figure["high"], gate["verdict"])
