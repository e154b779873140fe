"""All that a report shows, read from params, labels, metrics and git."""

from typing import NamedTuple

import pandas as pd

from faceloop.balance.balance_figures import BalanceFigures
from faceloop.base.rounds import rounds_up_to
from faceloop.base.storage import METRICS_DIR, PLOTS_DIR
from faceloop.commands.report.changes import Changes, changes_since
from faceloop.commands.report.charts import curve_chart, reliability_chart
from faceloop.commands.report.contact_sheet import Row, contact_sheet
from faceloop.commands.report.curve import Point, rounds_curve
from faceloop.commands.report.revisions import commit_of
from faceloop.commands.rounds.figure_lines import read_figures, shadow_line
from faceloop.commands.rounds.state import State, next_step
from faceloop.evaluation.evaluation_figures import Comparison, IterationFigures, ShadowFigures
from faceloop.labels.columns import DAY_S
from faceloop.labels.label_figures import LabelFigures
from faceloop.labels.vote_files import known_rounds
from faceloop.statistics.confusion import METRICS
from faceloop.statistics.figure_files import read_record

SETS: dict[str, tuple[str, type[Comparison]]] = {
    "iteration": ("Validation set of this round", IterationFigures),
    "overfit": ("Over-fitting set", Comparison),
}


class EvaluatedSet(NamedTuple):
    """Both models on one set of faces that neither was trained on."""

    title: str
    figures: Comparison
    confusion: list[list[int]]
    reliability: str


class Costs(NamedTuple):
    """What the labels cost: votes, people, and hours where the page took the time."""

    votes: int
    people: int
    hours: float
    timed: int


class Facts(NamedTuple):
    """A report's facts; what could not be known is None or empty."""

    state: State
    next_step: str
    metrics: tuple[str, ...]
    judged: list[EvaluatedSet]
    labels: LabelFigures
    shadow: str
    balance: BalanceFigures | None
    doubted: int | None
    curve: list[Point]
    curve_chart: str
    costs: Costs
    changes: Changes | None
    sheet: list[Row]


def read_facts(state: State, base: str | None, faces: bool) -> Facts:
    """Read the facts of the round as it stands.

    Args:
        state: of the project.
        base: a commit to compare with, or None.
        faces: whether to show crops.

    Raises:
        FaceloopError: figures or crops are missing, or git does not know `base`.
    """
    settings = state.settings
    classes, metric = settings.classes, settings.gate.metric
    rounds = rounds_up_to(state.candidate, known_rounds(settings.rounds))
    curve = rounds_curve(metric, rounds)
    shadow, drawn = read_figures(ShadowFigures, "shadow", state), state.drawn
    return Facts(
        state=state,
        next_step=next_step(state),
        metrics=METRICS,
        judged=[read_evaluated(name, classes) for name in SETS],
        labels=read_record(LabelFigures, METRICS_DIR / "labels.json"),
        shadow=shadow_line(shadow) if shadow else "",
        balance=read_figures(BalanceFigures, "balance", state),
        doubted=None if drawn is None else int((drawn["purpose"] == "relabel").sum()),
        curve=curve,
        curve_chart=curve_chart(curve, metric, settings.gate.target) if curve else "",
        costs=costs_of(state.said.votes),
        changes=changes_since(commit_of(base), base) if base else None,
        sheet=contact_sheet(state.queue) if faces else [],
    )


def read_evaluated(name: str, classes: list[str]) -> EvaluatedSet:
    """Return an evaluation's figures and its plots."""
    title, kind = SETS[name]
    figures = read_record(kind, METRICS_DIR / f"{name}.json")
    if figures.n == 0:
        return EvaluatedSet(title, figures, [], "")
    pairs = pd.read_csv(PLOTS_DIR / f"{name}_confusion.csv", dtype=str, keep_default_na=False)
    counts = pd.crosstab(pairs["actual"], pairs["predicted"])
    counts = counts.reindex(index=classes, columns=classes, fill_value=0)
    points = pd.read_csv(PLOTS_DIR / f"{name}_reliability.csv")
    return EvaluatedSet(title, figures, counts.to_numpy().tolist(), reliability_chart(points))


def costs_of(votes: pd.DataFrame) -> Costs:
    """Return what votes cost; only those given on the page were timed."""
    timed = votes["seconds"].dropna().clip(upper=DAY_S)
    return Costs(
        len(votes), votes["annotator"].nunique(), float(timed.sum()) / 3600, int(len(timed))
    )
