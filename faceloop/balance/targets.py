"""A batch's shares against what was wanted, and the same in words."""

from collections.abc import Mapping, Sequence

from faceloop.balance.balance_figures import CLASS, Coverage, Shares, TargetFigures, TargetVerdict
from faceloop.statistics.estimates import Estimate

VERDICTS: tuple[TargetVerdict, ...] = ("skewed", "open", "met")  # the worst first


def against_targets(
    shares: Mapping[str, Shares | None],
    least: float,
    targets: Mapping[str, Mapping[str, float]],
    tolerance: float,
) -> list[TargetFigures]:
    """Return each share that has a target, with its verdict.

    Skewed and met hold for the whole interval: it lies beyond the tolerance, or within.

    Args:
        shares: by column (`class` for the classes); None where a column's are unknown.
        least: the share below which a value is not shown.
        targets: shares wanted, by column and value.
        tolerance: a share this near its target is no skew.
    """
    found = []
    for column, of_targets in targets.items():
        of_column = shares.get(column)
        for name, target in of_targets.items():
            share = (of_column or {}).get(name)
            if share is not None:
                value, low, high = share.value, share.low, share.high
            else:
                value, low, high = None, 0.0, 1.0 if of_column is None else least
            found.append(
                TargetFigures(
                    column=column,
                    name=name,
                    value=value,
                    low=low,
                    high=high,
                    target=target,
                    verdict=target_verdict(low, high, target, tolerance),
                )
            )
    return found


def target_verdict(low: float, high: float, target: float, tolerance: float) -> TargetVerdict:
    """Return whether an interval misses a target, meets it, or leaves that open."""
    lowest, highest = target - tolerance, target + tolerance
    if high < lowest or low > highest:
        return "skewed"
    return "met" if lowest <= low and high <= highest else "open"


def verdict_of(targets: Sequence[TargetFigures]) -> TargetVerdict | None:
    """Return the worst verdict among targets; None without any."""
    found = {one.verdict for one in targets}
    return next((verdict for verdict in VERDICTS if verdict in found), None)


def balance_in_words(
    targets: Sequence[TargetFigures],
    batch: Shares | None,
    reason: str | None,
    coverage: Coverage | None,
) -> list[str]:
    """Return what a person should know of a batch's balance, in a few clauses."""
    verdict = verdict_of(targets)
    said = [clause(one) for one in targets if one.verdict == verdict != "met"]
    if verdict == "met":
        said.append("every share is within the tolerance of its target")
    if verdict is None and batch is not None:
        shares = (f"{name} {percent(share)}" for name, share in batch.items())
        said.append(f"{', '.join(shares)}; no target is set")
    if reason:
        said.append(f"class shares are not known yet: {reason}")
    if coverage is not None:
        said.append(f"{percent(coverage.far)} of the pool far from any label")
    return said


def clause(one: TargetFigures) -> str:
    """Return a share beside its target as text: `country fr 80 %, target 50 %: skewed`."""
    if one.value is not None:
        shown = percent(Estimate(value=one.value, low=one.low, high=one.high))
    else:
        shown = "not known" if one.high == 1 else f"under {100 * one.high:.0f} %"
    column = "" if one.column == CLASS else f"{one.column} "
    return f"{column}{one.name} {shown}, target {100 * one.target:.0f} %: {one.verdict}"


def percent(share: Estimate) -> str:
    """Return a share as text, such as `9 % [5, 14]`; without an interval where it was counted."""
    text = f"{100 * share.value:.0f} %"
    if share.high - share.low < 1e-9:
        return text
    return f"{text} [{100 * share.low:.0f}, {100 * share.high:.0f}]"
