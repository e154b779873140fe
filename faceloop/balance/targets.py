"""A batch's shares against what was wanted, and the same in words."""

from collections.abc import Mapping, Sequence
from typing import Any

CLASS = "class"  # the key of class shares among the targets; no column may be named so
VERDICTS = ("skewed", "open", "met")  # the worst first


def against_targets(
    shares: Mapping[str, dict[str, Any] | None],
    least: float,
    targets: Mapping[str, Mapping[str, float]],
    tolerance: float,
) -> list[dict[str, Any]]:
    """Return each share that has a target, with its verdict: skewed, open or met.

    Skewed and met hold for the whole interval: it lies beyond the tolerance, or within.

    Args:
        shares: by column (`class` for the classes) and value: value, low and high; None where a
            column's are unknown.
        least: the share below which a value is not shown.
        targets: shares wanted, by column and value.
        tolerance: a share this near its target is no skew.
    """
    found = []
    for column, of_targets in targets.items():
        of_column = shares.get(column)
        for name, target in of_targets.items():
            if of_column is None:
                share: dict[str, Any] = {"value": None, "low": 0.0, "high": 1.0}
            else:
                share = of_column.get(name, {"value": None, "low": 0.0, "high": least})
            lowest, highest = target - tolerance, target + tolerance
            if share["high"] < lowest or share["low"] > highest:
                verdict = "skewed"
            else:
                met = lowest <= share["low"] and share["high"] <= highest
                verdict = "met" if met else "open"
            found.append(
                {"column": column, "name": name, **share, "target": target, "verdict": verdict}
            )
    return found


def verdict_of(targets: Sequence[dict[str, Any]]) -> str | None:
    """Return the worst verdict among targets; None without any."""
    found = {one["verdict"] for one in targets}
    return next((verdict for verdict in VERDICTS if verdict in found), None)


def in_words(figures: dict[str, Any]) -> list[str]:
    """Return what a person should know of a batch's balance, in a few clauses."""
    targets, coverage = figures["targets"], figures["coverage"]
    told = [one for one in targets if one["verdict"] == figures["verdict"] != "met"]
    said = [clause(one) for one in told]
    if figures["verdict"] == "met":
        said.append("every share is within the tolerance of its target")
    if figures["verdict"] is None and figures["batch"] is not None:
        shares = (f"{name} {percent(share)}" for name, share in figures["batch"].items())
        said.append(f"{', '.join(shares)}; no target is set")
    if figures["reason"]:
        said.append(f"class shares are not known yet: {figures['reason']}")
    if coverage is not None:
        said.append(f"{percent(coverage['far'])} of the pool far from any label")
    return said


def clause(one: dict[str, Any]) -> str:
    """Return a share beside its target as text: `country fr 80 %, target 50 %: skewed`."""
    if one["value"] is not None:
        shown = percent(one)
    else:
        shown = "not known" if one["high"] == 1 else f"under {100 * one['high']:.0f} %"
    column = "" if one["column"] == CLASS else f"{one['column']} "
    return f"{column}{one['name']} {shown}, target {100 * one['target']:.0f} %: {one['verdict']}"


def percent(share: dict[str, Any]) -> str:
    """Return a share as text, such as `9 % [5, 14]`; without an interval where it was counted."""
    text = f"{100 * share['value']:.0f} %"
    if share["high"] - share["low"] < 1e-9:
        return text
    return f"{text} [{100 * share['low']:.0f}, {100 * share['high']:.0f}]"
