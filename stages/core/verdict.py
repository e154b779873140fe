"""The gate's verdict on a round: does new data still help, is old knowledge kept?"""

import math
from typing import Any, NamedTuple

from stages.core.settings import Gate


class Evidence(NamedTuple):
    """What the gate looks at.

    `overfit` and `iteration` are what `evaluation.compare` returned; `queued` and `answered` count
    the candidate round's faces, `pool_left` those that may still be asked about, and `unseen_left`
    those of them that could validate a model.
    """

    overfit: dict[str, Any]
    iteration: dict[str, Any]
    queued: int
    answered: int
    pool_left: int
    unseen_left: int


class Finding(NamedTuple):
    """One question's answer: `yes`, `no`, `unknown`, or `none` where there is no set to ask."""

    answer: str
    reason: str
    more_labels: int = 0


def judge(evidence: Evidence, gate: Gate) -> dict[str, Any]:
    """Return the verdict, its reasons in words, and how many more labels an open question wants.

    Returns:
        verdict (start, continue, stop, target_met, undecided), reasons, rejected (the round
        over-fits: its faces stay out of training), more_labels (0 unless undecided).
    """
    if evidence.answered == 0:
        return _verdict("start", ["nothing of this round is labelled yet"])
    if evidence.answered < evidence.queued:
        missing = evidence.queued - evidence.answered
        reason = f"{missing} of the round's {evidence.queued} faces have no vote yet"
        return _verdict("undecided", [reason])
    kept, gains = knowledge_kept(evidence.overfit, gate), data_helps(evidence.iteration, gate)
    reasons = [kept.reason, gains.reason]
    if kept.answer == "no":
        return _verdict("stop", [*reasons, "the round over-fits and is rejected"], rejected=True)
    if gains.answer == "none":
        return _verdict("undecided", reasons)
    target = target_reached(evidence.iteration, gate)
    if target.answer == "yes":
        return _verdict("target_met", [target.reason, *reasons])
    reasons.append(target.reason)
    if gains.answer == "no":
        return _verdict("stop", reasons)
    if evidence.unseen_left == 0:
        left = f"the pool is exhausted: {evidence.pool_left} faces are left, none of them from a"
        return _verdict("stop", [*reasons, f"{left} photo or track that no model has seen"])
    if "unknown" in (kept.answer, gains.answer):
        more = max(kept.more_labels, gains.more_labels)
        return _verdict("undecided", reasons, more_labels=more)
    return _verdict("continue", reasons)


def knowledge_kept(overfit: dict[str, Any], gate: Gate) -> Finding:
    """Is old knowledge kept? Paired non-inferiority with the margin `gate.overfit_margin`."""
    if overfit["n"] == 0:
        return Finding(
            "none", "no over-fitting set: nothing was labelled in an earlier outer iteration"
        )
    delta, margin = overfit["delta"][gate.metric], gate.overfit_margin
    shown = f"over-fitting set, n = {overfit['n']}: {gate.metric} {_change(delta)}"
    if delta["low"] > -margin:
        return Finding(
            "yes", f"{shown}: old knowledge is kept (a loss over {margin:g} is ruled out)"
        )
    if delta["high"] < 0:
        return Finding("no", f"{shown}: old knowledge is lost")
    gap = max(abs(delta["value"]), abs(delta["value"] + margin))
    more = _more(overfit["n"], delta, gap)
    return Finding(
        "unknown", f"{shown}: kept or lost is open; {more} more such faces would tell", more
    )


def data_helps(iteration: dict[str, Any], gate: Gate) -> Finding:
    """Does the new data still help? Paired superiority; a gain below `gate.min_gain` is none."""
    if iteration["n"] == 0:
        return Finding("none", "no validation face: this round's labels cannot be judged")
    delta = iteration["delta"][gate.metric]
    shown = f"validation set, n = {iteration['n']}: {gate.metric} {_change(delta)}"
    if delta["low"] > 0:
        return Finding("yes", f"{shown}: the new labels help")
    if delta["high"] < gate.min_gain:
        return Finding("no", f"{shown}: the new labels gain less than {gate.min_gain:g}")
    gap = max(abs(delta["value"]), abs(gate.min_gain - delta["value"]))
    more = _more(iteration["n"], delta, gap)
    return Finding(
        "unknown", f"{shown}: gain or none is open; {more} more such faces would tell", more
    )


def target_reached(iteration: dict[str, Any], gate: Gate) -> Finding:
    """Is the candidate's figure above the target with its whole interval?"""
    figure = iteration["candidate"][gate.metric]
    shown = f"{gate.metric} {figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
    met = figure["low"] >= gate.target
    words = "the target is met" if met else "the target is not yet proven"
    return Finding("yes" if met else "no", f"{shown} against the target {gate.target:g}: {words}")


def _more(n: int, delta: dict[str, float], gap: float) -> int:
    """Return how many more faces narrow the interval to `gap`: its width shrinks as 1 / sqrt n."""
    half_width = (delta["high"] - delta["low"]) / 2
    return max(1, math.ceil(n * (half_width / gap) ** 2) - n)


def _change(delta: dict[str, float]) -> str:
    return f"{delta['value']:+.3f} [{delta['low']:+.3f}, {delta['high']:+.3f}]"


def _verdict(
    verdict: str, reasons: list[str], rejected: bool = False, more_labels: int = 0
) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "rejected": rejected,
        "more_labels": more_labels,
        "reasons": reasons,
    }
