"""The gate's verdict: every one, at its thresholds, and how many labels an open question wants."""

from typing import Any

import pytest
from scipy.stats import norm, t

from faceloop.evaluation.evaluation_figures import (
    Comparison,
    IterationFigures,
    PredictionAgreement,
    WholeBatchFigures,
)
from faceloop.gate.params import Gate
from faceloop.gate.planning import Side, faces_to_settle
from faceloop.gate.verdict import (
    Evidence,
    Finding,
    Judgement,
    data_helps,
    judge,
    knowledge_kept,
    level,
    target_reached,
)
from faceloop.statistics.confusion import METRICS
from faceloop.statistics.estimates import ByMetric, Difference, EstimateWithError

GATE = Gate(
    metric="macro_f1",
    target=0.9,
    overfit_margin=0.02,
    min_gain=0.005,
    error_rate=0.05,
    looks=20,
    patience=3,
    on_undecided="continue",
    max_labels=None,
    min_alpha=None,
)
POOL = PredictionAgreement(faces=9, agreement=0.95, kappa=0.9)
NOTHING = IterationFigures(n=0, groups=0, confidence=0.95, whole_batch=None, pool_agreement=POOL)


def every(figure: Any) -> dict[str, Any]:
    return dict.fromkeys(METRICS, figure)


def compared(
    value: float,
    low: float,
    high: float,
    p_gain: float = 1.0,
    p_loss: float = 1.0,
    level: float = 0.7,
    kappa: float | None = 0.9,
    n: int = 100,
) -> IterationFigures:
    """What an eval stage writes; `level` is the whole batch's figure, known within 0.03."""
    delta = Difference(value=value, low=low, high=high, p_gain=p_gain, p_loss=p_loss)
    figure = EstimateWithError(value=level, low=level - 0.03, high=level + 0.03, error=0.01)
    return IterationFigures(
        n=n,
        groups=n,
        confidence=0.95,
        delta=ByMetric[Difference](**every(delta)),
        whole_batch=WholeBatchFigures(known=0, rest=n, groups=n, **every(figure)),
        pool_agreement=POOL.model_copy(update={"kappa": kappa}),
    )


KEPT, LOST = compared(0.01, -0.01, 0.03), compared(-0.05, -0.08, -0.02, p_loss=0.001)
OPEN = compared(-0.01, -0.06, 0.04)
HELPS, NO_GAIN = compared(0.05, 0.01, 0.09, p_gain=0.001), compared(-0.01, -0.02, 0.001)
UNCLEAR = compared(0.02, -0.03, 0.07)
SETTLED = compared(0.02, -0.03, 0.07, kappa=0.995)
MET = compared(0.05, 0.01, 0.09, p_gain=0.001, level=0.95)


def verdict(
    overfit: Comparison = KEPT,
    iteration: IterationFigures = HELPS,
    gate: Gate = GATE,
    **changes: int,
) -> Judgement:
    usual = {
        "queued": 10,
        "answered": 10,
        "votes": 500,
        "looks": 3,
        "without_gain": 0,
        "pool_left": 80,
        "unseen_left": 50,
    }
    return judge(Evidence(overfit, iteration, **(usual | changes)), gate)


def reached(level: float, gate: Gate) -> Finding:
    return target_reached(compared(0, 0, 0, level=level).whole_batch, gate)


def gate_with(**changes: Any) -> Gate:
    return GATE.model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "continue"),
        ({"queued": 0, "answered": 0}, "start"),
        ({"answered": 0}, "start"),
        ({"answered": 9}, "undecided"),
        ({"overfit": NOTHING}, "continue"),
        ({"overfit": NOTHING, "iteration": NOTHING}, "undecided"),
        ({"iteration": NOTHING}, "undecided"),
        ({"overfit": LOST}, "stop"),
        ({"overfit": LOST, "iteration": NOTHING}, "stop"),
        ({"overfit": OPEN}, "undecided"),
        ({"iteration": UNCLEAR}, "undecided"),
        ({"iteration": NO_GAIN}, "continue"),
        ({"iteration": NO_GAIN, "without_gain": 1}, "continue"),
        ({"iteration": NO_GAIN, "without_gain": 2}, "stop"),
        ({"iteration": HELPS, "without_gain": 2}, "continue"),
        ({"iteration": UNCLEAR, "without_gain": 2}, "undecided"),
        ({"iteration": SETTLED}, "undecided"),
        ({"iteration": SETTLED, "without_gain": 2}, "stop"),
        ({"iteration": NO_GAIN, "without_gain": 9, "gate": gate_with(patience=None)}, "continue"),
        ({"iteration": NO_GAIN, "gate": gate_with(patience=1)}, "stop"),
        ({"iteration": UNCLEAR, "gate": gate_with(on_undecided="stop")}, "stop"),
        ({"iteration": UNCLEAR, "gate": gate_with(on_undecided="extend")}, "undecided"),
        ({"overfit": OPEN, "gate": gate_with(on_undecided="stop")}, "undecided"),
        ({"gate": gate_with(max_labels=501)}, "continue"),
        ({"gate": gate_with(max_labels=500)}, "stop"),
        ({"iteration": MET, "gate": gate_with(max_labels=500)}, "target_met"),
        ({"unseen_left": 0}, "stop"),
        ({"unseen_left": 0, "iteration": UNCLEAR}, "stop"),
        ({"iteration": MET}, "target_met"),
        ({"overfit": LOST, "iteration": MET}, "stop"),
        ({"unseen_left": 0, "iteration": MET}, "target_met"),
    ],
)
def test_verdicts(changes: dict[str, Any], expected: str) -> None:
    found = verdict(**changes)
    assert found.verdict == expected
    assert found.reasons and all(found.reasons)


@pytest.mark.parametrize(
    ("iteration", "before", "after"),
    [(HELPS, 2, 0), (NO_GAIN, 1, 2), (UNCLEAR, 1, 0), (SETTLED, 1, 2), (NO_GAIN, 0, 1)],
)
def test_rounds_without_gain_are_counted_in_a_row(
    iteration: IterationFigures, before: int, after: int
) -> None:
    assert verdict(iteration=iteration, without_gain=before).without_gain == after


def test_more_looks_than_planned_are_told() -> None:
    assert not any("planned" in reason for reason in verdict(looks=20).reasons)
    assert any("look 21 of 20 planned" in reason for reason in verdict(looks=21).reasons)


def test_the_error_rate_is_spent_evenly_on_looks_and_both_sides() -> None:
    assert level(GATE) == pytest.approx(0.00125)


def test_only_lost_knowledge_rejects_a_round() -> None:
    assert verdict(overfit=LOST).rejected
    others = ({}, {"iteration": NO_GAIN}, {"unseen_left": 0}, {"overfit": OPEN}, {"answered": 0})
    assert not any(verdict(**changes).rejected for changes in others)


def test_only_an_open_question_wants_more_labels() -> None:
    assert verdict(iteration=UNCLEAR).more_labels > 0
    others = ({}, {"iteration": NO_GAIN}, {"overfit": LOST}, {"overfit": OPEN})
    assert not any(verdict(**changes).more_labels for changes in others)


@pytest.mark.parametrize(
    ("delta", "answer"),
    [
        ({"value": 0.0, "low": -0.0199, "high": 0.1}, "yes"),
        ({"value": 0.0, "low": -0.02, "high": 0.1}, "unknown"),
        ({"value": -0.05, "low": -0.09, "high": -0.01, "p_loss": 0.0012}, "no"),
        ({"value": -0.05, "low": -0.09, "high": -0.01, "p_loss": 0.0013}, "unknown"),
        ({"value": -0.01, "low": -0.019, "high": -0.001, "p_loss": 0.0001}, "yes"),
    ],
)
def test_knowledge_is_kept_by_the_lower_end_and_lost_by_the_swap_test(
    delta: dict[str, float], answer: str
) -> None:
    assert knowledge_kept(compared(**delta), GATE).answer == answer


@pytest.mark.parametrize(
    ("delta", "answer"),
    [
        ({"value": 0.05, "low": 0.01, "high": 0.1, "p_gain": 0.0012}, "yes"),
        ({"value": 0.05, "low": 0.01, "high": 0.1, "p_gain": 0.0013}, "unknown"),
        ({"value": -0.05, "low": -0.1, "high": 0.005}, "unknown"),
        ({"value": -0.05, "low": -0.1, "high": 0.0049}, "no"),
        ({"value": 0.002, "low": 0.001, "high": 0.003, "p_gain": 0.0001}, "yes"),
    ],
)
def test_data_helps_by_the_swap_test_and_not_by_the_upper_end(
    delta: dict[str, float], answer: str
) -> None:
    assert data_helps(compared(**delta), GATE).answer == answer


def test_the_target_is_met_by_the_lower_end_at_the_level_of_one_look() -> None:
    """0.03 is three standard errors: one more than 95 % would want."""
    assert reached(0.945, GATE).answer == "yes"
    assert reached(0.925, GATE).answer == "no"
    one_look = gate_with(looks=1)
    assert reached(0.925, one_look).answer == "yes"


def test_no_target_is_met_without_an_estimate_of_the_whole_batch() -> None:
    assert target_reached(None, GATE).answer == "no"


def test_the_metric_is_the_one_that_params_name() -> None:
    assert HELPS.delta is not None and NO_GAIN.delta is not None
    delta = HELPS.delta.model_copy(update={"accuracy": NO_GAIN.delta.accuracy})
    two = HELPS.model_copy(update={"delta": delta})
    other = gate_with(metric="accuracy", patience=1)
    assert verdict(iteration=two).verdict == "continue"
    assert verdict(iteration=two, gate=other).verdict == "stop"


@pytest.mark.parametrize("test", [data_helps, knowledge_kept])
def test_a_wider_interval_wants_more_labels(test: Any) -> None:
    wanted = [
        test(compared(0.002, 0.002 - half, 0.002 + half), GATE).more_labels
        for half in (0.03, 0.05, 0.1, 0.2, 0.4)
    ]
    assert wanted == sorted(set(wanted)) and wanted[0] >= 1


def test_more_labels_settle_the_difference_seen_with_the_power_planned() -> None:
    """A gain of 0.02 at so many faces: the test's power, from its normal form, is POWER."""
    n, half = 100, 0.06
    found = data_helps(compared(0.02, 0.02 - half, 0.02 + half, n=n), GATE).more_labels
    error = half / norm.ppf(0.975) * (n / (n + found)) ** 0.5
    assert norm.sf(norm.isf(level(GATE)) - 0.02 / error) == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize("value", [-0.018, -0.003])
def test_what_is_lost_or_kept_is_settled_on_the_nearer_side(value: float) -> None:
    """The margin is 0.02 away from no loss at all, and a loss is proven at the level of a look."""
    n, half = 100, 0.2
    found = knowledge_kept(compared(value, value - half, value + half, n=n), GATE).more_labels
    error = half / norm.ppf(0.975)
    sides = [(value + 0.02, 0.975), (-value, 1 - level(GATE))]
    expected = min(
        n * ((norm.ppf(p) + norm.ppf(0.8)) * error / distance) ** 2 for distance, p in sides
    )
    assert n + found == pytest.approx(expected, abs=1)


def test_a_question_all_but_settled_wants_one_face_more() -> None:
    delta = Difference(value=0.5, low=0.49, high=0.51, p_gain=1, p_loss=1)
    assert faces_to_settle(4, delta, 0.95, [Side(0.5, 0.95), Side(-1, 0.95)]) == 1


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_target_is_judged_with_the_freedom_that_so_few_groups_leave(groups: int) -> None:
    """Wilson's interval at the size that the error is worth, by t at the level of one look."""
    whole = compared(0, 0, 0, level=0.8, n=groups).whole_batch
    reason = target_reached(whole, GATE).reason
    t2, size = t.isf(level(GATE), max(groups - 1, 1)) ** 2, 0.8 * 0.2 / 0.01**2
    middle = (0.8 + t2 / 2 / size) / (1 + t2 / size)
    half = (t2 * (0.16 / size + t2 / 4 / size**2)) ** 0.5 / (1 + t2 / size)
    assert f"[{middle - half:.3f}, {middle + half:.3f}]" in reason


def test_predictions_have_settled_at_just_the_kappa_that_is_asked_for() -> None:
    at, below = (compared(0.02, -0.03, 0.07, kappa=kappa) for kappa in (0.99, 0.989))
    assert [verdict(iteration=one).without_gain for one in (at, below)] == [1, 0]


def test_only_the_gain_can_ask_for_labels() -> None:
    """The over-fitting set is fixed: what it lacks is said in words."""
    both = verdict(overfit=OPEN, iteration=UNCLEAR)
    assert both.more_labels == data_helps(UNCLEAR, GATE).more_labels
    needed = knowledge_kept(OPEN, GATE).more_labels
    assert any(f"{needed} more such faces" in reason for reason in both.reasons)


def test_reasons_say_the_figures() -> None:
    said = " ".join(verdict(overfit=LOST).reasons)
    for words in ("n = 100", "-0.050", "[-0.080, -0.020]", "macro_f1", "rejected"):
        assert words in said
