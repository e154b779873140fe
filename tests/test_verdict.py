"""The gate's verdict: every one, at its thresholds, and how many labels an open question wants."""

from typing import Any

import pytest

from stages.core.settings import Gate
from stages.core.verdict import Evidence, data_helps, judge, knowledge_kept, target_reached

GATE = Gate(metric="macro_f1", target=0.9, overfit_margin=0.02, min_gain=0.005, min_alpha=None)
NOTHING = {"n": 0, "groups": 0}


def figure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def compared(
    value: float, low: float, high: float, level: float = 0.7, n: int = 100
) -> dict[str, Any]:
    level_figure = figure(level, level - 0.05, level + 0.05)
    return {
        "n": n,
        "groups": n,
        "delta": {"macro_f1": figure(value, low, high)},
        "candidate": {"macro_f1": level_figure},
        "accepted": {"macro_f1": level_figure},
    }


KEPT, LOST = compared(0.01, -0.01, 0.03), compared(-0.05, -0.08, -0.02)
OPEN = compared(-0.01, -0.06, 0.04)
HELPS, NO_GAIN = compared(0.05, 0.01, 0.09), compared(-0.01, -0.02, 0.001)
UNCLEAR = compared(0.02, -0.03, 0.07)


def verdict(
    overfit: dict[str, Any] = KEPT,
    iteration: dict[str, Any] = HELPS,
    queued: int = 10,
    answered: int = 10,
    unseen_left: int = 50,
    gate: Gate = GATE,
) -> dict[str, Any]:
    return judge(Evidence(overfit, iteration, queued, answered, 80, unseen_left), gate)


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
        ({"iteration": NO_GAIN}, "stop"),
        ({"iteration": UNCLEAR}, "undecided"),
        ({"overfit": OPEN, "iteration": NO_GAIN}, "stop"),
        ({"unseen_left": 0}, "stop"),
        ({"unseen_left": 0, "iteration": UNCLEAR}, "stop"),
        ({"iteration": compared(0.05, 0.01, 0.09, level=0.96)}, "target_met"),
        ({"iteration": compared(0.0, -0.01, 0.001, level=0.96)}, "target_met"),
        ({"iteration": compared(0.05, 0.01, 0.09, level=0.94)}, "continue"),
        ({"overfit": LOST, "iteration": compared(0.05, 0.01, 0.09, level=0.96)}, "stop"),
        ({"unseen_left": 0, "iteration": compared(0.05, 0.01, 0.09, level=0.96)}, "target_met"),
    ],
)
def test_verdicts(changes: dict[str, Any], expected: str) -> None:
    found = verdict(**changes)
    assert found["verdict"] == expected
    assert found["reasons"] and all(found["reasons"])


def test_only_lost_knowledge_rejects_a_round() -> None:
    assert verdict(overfit=LOST)["rejected"]
    others = ({}, {"iteration": NO_GAIN}, {"unseen_left": 0}, {"overfit": OPEN}, {"answered": 0})
    assert not any(verdict(**changes)["rejected"] for changes in others)


def test_only_an_open_question_wants_more_labels() -> None:
    assert verdict(iteration=UNCLEAR)["more_labels"] > 0
    others = ({}, {"iteration": NO_GAIN}, {"overfit": LOST}, {"unseen_left": 0})
    assert not any(verdict(**changes)["more_labels"] for changes in others)


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (-0.0199, 0.1, "yes"),
        (-0.02, 0.1, "unknown"),
        (-0.1, 0.0, "unknown"),
        (-0.1, -0.0001, "no"),
        (-0.019, -0.001, "yes"),
    ],
)
def test_knowledge_is_kept_by_the_lower_end_and_lost_by_the_upper(
    low: float, high: float, answer: str
) -> None:
    assert knowledge_kept(compared((low + high) / 2, low, high), GATE).answer == answer


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (0.0001, 0.1, "yes"),
        (0.0, 0.1, "unknown"),
        (-0.1, 0.005, "unknown"),
        (-0.1, 0.0049, "no"),
        (0.001, 0.004, "yes"),
    ],
)
def test_data_helps_by_the_lower_end_and_not_by_the_upper(
    low: float, high: float, answer: str
) -> None:
    assert data_helps(compared((low + high) / 2, low, high), GATE).answer == answer


def test_the_target_is_met_by_the_lower_end() -> None:
    assert target_reached(compared(0, 0, 0, level=0.951), GATE).answer == "yes"
    assert target_reached(compared(0, 0, 0, level=0.949), GATE).answer == "no"


def test_the_metric_is_the_one_that_params_name() -> None:
    two = compared(0.05, 0.01, 0.09)
    two["delta"]["accuracy"] = figure(-0.01, -0.02, 0.001)
    two["candidate"]["accuracy"] = figure(0.7, 0.6, 0.8)
    kept = {**KEPT, "delta": {**KEPT["delta"], "accuracy": figure(0, -0.01, 0.01)}}
    other = GATE.model_copy(update={"metric": "accuracy"})
    assert verdict(kept, two)["verdict"] == "continue"
    assert verdict(kept, two, gate=other)["verdict"] == "stop"


@pytest.mark.parametrize("test", [data_helps, knowledge_kept])
def test_a_wider_interval_wants_more_labels(test: Any) -> None:
    wanted = [
        test(compared(0.002, 0.002 - half, 0.002 + half), GATE).more_labels
        for half in (0.03, 0.05, 0.1, 0.2, 0.4)
    ]
    assert wanted == sorted(set(wanted)) and wanted[0] >= 1


@pytest.mark.parametrize(("test", "gap"), [(data_helps, 0.02), (knowledge_kept, 0.04)])
def test_more_labels_are_those_that_bring_the_half_width_to_the_gap(test: Any, gap: float) -> None:
    n, half = 100, 0.1
    found = test(compared(0.02, 0.02 - half, 0.02 + half, n=n), GATE).more_labels
    assert half * (n / (n + found)) ** 0.5 <= gap * 1.0001
    assert half * (n / (n + found - 1)) ** 0.5 >= gap * 0.9999


def test_the_greater_need_is_told() -> None:
    one, other = knowledge_kept(OPEN, GATE).more_labels, data_helps(UNCLEAR, GATE).more_labels
    assert verdict(overfit=OPEN, iteration=UNCLEAR)["more_labels"] == max(one, other)


def test_reasons_say_the_figures() -> None:
    said = " ".join(verdict(overfit=LOST)["reasons"])
    for words in ("n = 100", "-0.050", "[-0.080, -0.020]", "macro_f1", "rejected"):
        assert words in said
