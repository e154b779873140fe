"""The gate's verdict on a round: does new data still help, is old knowledge kept?

Its tests and error rates are explained, and measured, in docs/why/gate.md.
"""

from typing import NamedTuple

from faceloop.evaluation.evaluation_figures import (
    Comparison,
    IterationFigures,
    PredictionAgreement,
    WholeBatchFigures,
)
from faceloop.gate.gate_figures import Verdict
from faceloop.gate.params import Gate
from faceloop.gate.planning import Side, faces_to_settle
from faceloop.statistics.estimates import Difference
from faceloop.statistics.intervals import Error, share_interval

# Of successive models on unlabelled faces; above, predictions have settled and an open gain counts
# as none (Bloodgood and Vijay-Shanker 2009). At less, benchmarks/results/settling.md shows patience
# ending projects whose accuracy still grows.
SETTLED_KAPPA = 0.99


class Evidence(NamedTuple):
    """What the gate looks at.

    `queued` and `answered` count the candidate round's faces, `votes` all that was ever labelled,
    `looks` how often the gate was asked so far, `without_gain` the rounds in a row before this one
    that counted as without gain; `pool_left` counts the faces that may still be asked about, and
    `unseen_left` those that wait to judge a model.
    """

    overfit: Comparison
    iteration: IterationFigures
    queued: int
    answered: int
    votes: int
    looks: int
    without_gain: int
    pool_left: int
    unseen_left: int


class Finding(NamedTuple):
    """One question's answer: `yes`, `no`, `unknown`, or `none` where there is no set to ask."""

    answer: str
    reason: str
    more_labels: int = 0


class Judgement(NamedTuple):
    """A verdict on a round; its fields are those of GateFigures."""

    verdict: Verdict
    reasons: list[str]
    without_gain: int
    rejected: bool = False
    more_labels: int = 0


def judge(evidence: Evidence, gate: Gate) -> Judgement:
    """Return the verdict, its reasons in words, and how many more labels an open question wants."""
    if evidence.answered == 0:
        return Judgement("start", ["nothing of this round is labelled yet"], evidence.without_gain)
    if evidence.answered < evidence.queued:
        missing = evidence.queued - evidence.answered
        reason = f"{missing} of the round's {evidence.queued} faces lack a vote"
        return Judgement("undecided", [reason], evidence.without_gain)
    kept, gains = knowledge_kept(evidence.overfit, gate), data_helps(evidence.iteration, gate)
    target = target_reached(evidence.iteration.whole_batch, gate)
    open_and_settled = gains.answer == "unknown" and _settled(evidence.iteration.pool_agreement)
    idle = evidence.without_gain + 1 if gains.answer == "no" or open_and_settled else 0
    reasons = [kept.reason, gains.reason, target.reason, *_beside(evidence, gate)]
    if kept.answer == "no":
        reasons.append("the round over-fits and is rejected")
        return Judgement("stop", reasons, idle, rejected=True)
    if gains.answer == "none":
        return Judgement("undecided", reasons, idle)
    if target.answer == "yes":
        return Judgement("target_met", reasons, idle)
    if end := _end(evidence, gate, gains, idle):
        return Judgement("stop", [*reasons, end], idle, more_labels=gains.more_labels)
    if idle:
        of = "" if gate.patience is None else f" of {gate.patience} that end the loop"
        reasons.append(f"without gain for {idle} rounds in a row{of}")
    if "unknown" in (kept.answer, gains.answer):
        return Judgement("undecided", reasons, idle, more_labels=gains.more_labels)
    return Judgement("continue", reasons, idle)


def knowledge_kept(overfit: Comparison, gate: Gate) -> Finding:
    """Is old knowledge kept? Paired non-inferiority with the margin `gate.overfit_margin`.

    Lost is what the swap test proves at the level of one look; kept, an interval above the margin.
    """
    if overfit.delta is None:
        return Finding(
            "none", "no over-fitting set: nothing was labelled in an earlier outer iteration"
        )
    delta, margin = overfit.delta[gate.metric], gate.overfit_margin
    shown = f"over-fitting set, n = {overfit.n}: {gate.metric} {_change(delta)}"
    if delta.low > -margin:
        return Finding(
            "yes", f"{shown}: old knowledge is kept (a loss over {margin:g} is ruled out)"
        )
    if delta.p_loss <= level(gate):
        return Finding("no", f"{shown}, p = {delta.p_loss:.2g}: old knowledge is lost")
    sides = [Side(delta.value + margin, overfit.confidence)]
    sides.append(Side(-delta.value, 1 - 2 * level(gate)))
    more = faces_to_settle(overfit.n, delta, overfit.confidence, sides)
    return Finding(
        "unknown",
        f"{shown}: kept or lost is open; {more} more such faces would probably tell (the set is "
        "fixed for this outer iteration)",
        more,
    )


def data_helps(iteration: Comparison, gate: Gate) -> Finding:
    """Does the new data still help? Paired superiority; a gain below `gate.min_gain` is none.

    A gain is what the swap test proves at the level of one look; none, an interval below min_gain.
    """
    if iteration.delta is None:
        return Finding("none", "no validation face: this round's labels cannot be judged")
    delta = iteration.delta[gate.metric]
    shown = f"validation set, n = {iteration.n}: {gate.metric} {_change(delta)}"
    if delta.p_gain <= level(gate):
        return Finding("yes", f"{shown}, p = {delta.p_gain:.2g}: the new labels help")
    if delta.high < gate.min_gain:
        return Finding("no", f"{shown}: the new labels gain less than {gate.min_gain:g}")
    sides = [Side(gate.min_gain - delta.value, iteration.confidence)]
    sides.append(Side(delta.value, 1 - 2 * level(gate)))
    more = faces_to_settle(iteration.n, delta, iteration.confidence, sides)
    return Finding(
        "unknown",
        f"{shown}: gain or none is open; {more} more such faces would probably tell",
        more,
    )


def target_reached(batch: WholeBatchFigures | None, gate: Gate) -> Finding:
    """Is the candidate's figure for the whole batch above the target, at the level of one look?"""
    if batch is None:
        return Finding("no", "whole batch: too little is labelled to estimate it")
    figure = batch[gate.metric]
    error = Error(figure.error, batch.groups - 1)
    low, high = share_interval(figure.value, error, batch.groups, 1 - 2 * level(gate))
    met = low >= gate.target
    words = "the target is met" if met else "the target is not yet proven"
    shown = f"whole batch: {gate.metric} {figure.value:.3f} [{low:.3f}, {high:.3f}]"
    return Finding("yes" if met else "no", f"{shown} against the target {gate.target:g}: {words}")


def level(gate: Gate) -> float:
    """Return the one-sided level of one look: the project's error rate, spent evenly.

    Each round compares a new pair of models, so looks are no peeks at one growing sample: the
    levels simply add up (Bonferroni, or linear alpha spending: Lan and DeMets 1983).
    """
    return gate.error_rate / gate.looks / 2


def _end(evidence: Evidence, gate: Gate, gains: Finding, idle: int) -> str | None:
    """Return why the loop ends for another reason than knowledge lost or a target met."""
    if gate.patience is not None and idle >= gate.patience:
        return f"without gain for {idle} rounds in a row (gate.patience)"
    if gains.answer == "unknown" and gate.on_undecided == "stop":
        return "the gain is open (gate.on_undecided)"
    if evidence.unseen_left == 0:
        left = f"the pool is exhausted: {evidence.pool_left} faces are left, none of them from a"
        return f"{left} photo or track that waits to judge"
    if gate.max_labels is not None and evidence.votes >= gate.max_labels:
        return f"the budget is spent: {evidence.votes} of {gate.max_labels} votes (gate.max_labels)"
    return None


def _settled(pool: PredictionAgreement) -> bool:
    """Return whether predictions on the unlabelled faces have stopped moving.

    Of rounds whose gain is open only these count towards `gate.patience`: on faces where both
    models say the same, neither can be the better one.
    """
    return pool.kappa is not None and pool.kappa >= SETTLED_KAPPA


def _beside(evidence: Evidence, gate: Gate) -> list[str]:
    """Return what to know beside the three questions."""
    notes, pool = [], evidence.iteration.pool_agreement
    if pool.agreement is not None and pool.kappa is not None:
        words = "have settled" if _settled(pool) else "still move"
        notes.append(
            f"unlabelled faces, n = {pool.faces}: both models agree on "
            f"{pool.agreement:.3f}, kappa {pool.kappa:.3f}: predictions {words}"
        )
    if evidence.looks > gate.looks:
        notes.append(
            f"this is look {evidence.looks} of {gate.looks} planned: the chance of a wrong verdict "
            f"may pass {gate.error_rate:g} (gate.looks)"
        )
    return notes


def _change(delta: Difference) -> str:
    return f"{delta.value:+.3f} [{delta.low:+.3f}, {delta.high:+.3f}]"
