"""What `faceloop status` says of the figures beside the verdict: balance and the shadow arm."""

from typing import Any

from faceloop.base.storage import METRICS_DIR, read_json
from faceloop.commands.rounds.state import State


def read_figures(name: str, state: State) -> dict[str, Any] | None:
    """Return metrics/<name>.json, or None where it is missing or of another round."""
    path = METRICS_DIR / f"{name}.json"
    figures = read_json(path) if path.is_file() else None
    return figures if figures and figures["round"] == state.candidate else None


def balance_line(figures: dict[str, Any]) -> str:
    """Return the balance of the batch on one line."""
    return "; ".join(figures["reasons"])


def shadow_line(figures: dict[str, Any]) -> str:
    """Return picked against random labels on one line."""
    if figures["reason"]:
        return f"not known yet: {figures['reason']}"
    metric = figures["metric"]
    active, random, delta = (figures[name][metric] for name in ("active", "random", "delta"))
    return (
        f"active {active['value']:.2f} vs random {random['value']:.2f} at {figures['labels']} "
        f"labels: {delta['value']:+.2f} [{delta['low']:+.2f}, {delta['high']:+.2f}]; "
        f"labels saved {_saved(figures['labels_saved'])}"
    )


def _saved(saved: dict[str, Any]) -> str:
    """Return a share of labels with its interval; an end that the curve does not reach is `?`."""
    low, high = (
        "?" if saved[end] is None else f"{100 * saved[end]:.0f}" for end in ("low", "high")
    )
    bound = f"{saved['bound']} " if saved["bound"] else ""
    return f"{bound}{100 * saved['value']:.0f} % [{low}, {high}]"
