"""What `faceloop status` says of the figures beside the verdict: balance and the shadow arm."""

from typing import TypeVar

from faceloop.balance.balance_figures import BalanceFigures
from faceloop.base.records import RoundRecord
from faceloop.base.storage import METRICS_DIR
from faceloop.commands.rounds.state import State
from faceloop.evaluation.evaluation_figures import LabelsSaved, ShadowFigures
from faceloop.statistics.figure_files import read_record

OfRound = TypeVar("OfRound", bound=RoundRecord)


def read_figures(kind: type[OfRound], name: str, state: State) -> OfRound | None:
    """Return metrics/<name>.json, or None where it is missing or of another round."""
    path = METRICS_DIR / f"{name}.json"
    figures = read_record(kind, path) if path.is_file() else None
    return figures if figures and figures.round == state.candidate else None


def balance_line(figures: BalanceFigures) -> str:
    """Return the balance of the batch on one line."""
    return "; ".join(figures.reasons)


def shadow_line(figures: ShadowFigures) -> str:
    """Return picked against random labels on one line."""
    active, random, delta = figures.active, figures.random, figures.delta
    if active is None or random is None or delta is None or figures.labels_saved is None:
        return f"not known yet: {figures.reason}"
    change = delta[figures.metric]
    return (
        f"active {active[figures.metric].value:.2f} vs random {random[figures.metric].value:.2f} "
        f"at {figures.labels} labels: {change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}]; "
        f"labels saved {_saved(figures.labels_saved)}"
    )


def _saved(saved: LabelsSaved) -> str:
    """Return a share of labels with its interval; an end that the curve does not reach is `?`."""
    low, high = ("?" if end is None else f"{100 * end:.0f}" for end in (saved.low, saved.high))
    bound = f"{saved.bound} " if saved.bound else ""
    return f"{bound}{100 * saved.value:.0f} % [{low}, {high}]"
