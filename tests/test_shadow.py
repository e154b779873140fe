"""The shadow arm: which faces it takes, and whether it tells who is ahead."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceloop.base.storage import LABELLED_DIR, METRICS_DIR, read_csv
from faceloop.commands.rounds.figure_lines import shadow_line
from faceloop.evaluation import shadow
from faceloop.evaluation.evaluation_figures import LabelsSaved, ShadowFigures
from faceloop.evaluation.held_out import HeldOut
from faceloop.evaluation.shadow import (
    ArmsCompared,
    compare_arms,
    curve_sizes,
    labels_needed,
    labels_saved,
    split_arms,
    why_unknown,
)
from faceloop.model.head import Head
from faceloop.pool.labelled import LABELLED
from faceloop.statistics.figure_files import read_record
from faceloop.statistics.params import Intervals
from stages import eval_shadow

WANTED = Intervals(bootstrap=400, confidence=0.95)


def labelled(rows: list[tuple[str, str, str, float | None, str]]) -> pd.DataFrame:
    columns = ["face_id", "round", "purpose", "inclusion_probability", "split"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"inclusion_probability": "float64"})


ROWS = labelled(
    [
        ("a", "o00-i00", "train", None, "train"),
        ("b", "o00-i00", "validation", 0.1, "train"),
        ("c", "o01-i00", "train", None, "train"),
        ("d", "o01-i00", "validation", 0.1, "validation"),
        ("e", "o01-i00", "validation", 0.1, "overfit"),
        ("f", "o00-i00", "validation", 0.1, "unused"),
    ]
)


def test_each_arm_takes_only_what_may_train() -> None:
    base, random, active = split_arms(ROWS, seed=1)
    assert base.empty
    assert list(random["face_id"]) == ["b"]
    assert list(active["face_id"]) == ["a", "c"]


def test_an_imported_seed_is_what_both_arms_start_from() -> None:
    imported = ROWS[~ROWS["face_id"].isin(["b", "f"])]
    base, _, active = split_arms(imported, seed=1)
    assert list(base["face_id"]) == ["a"]
    assert list(active["face_id"]) == ["c"]


def test_a_round_without_a_validation_set_is_no_import() -> None:
    late = labelled([("g", "o01-i01", "train", None, "train")])
    base, _, active = split_arms(pd.concat([ROWS, late], ignore_index=True), seed=1)
    assert base.empty
    assert list(active["face_id"]) == ["a", "c", "g"]


def test_picked_faces_come_round_by_round_and_random_ones_mixed() -> None:
    rows = [
        (f"{purpose[0]}{at}-{i:02d}", f"o01-i0{at}", purpose, chance, "train")
        for at in range(3)
        for i in range(20)
        for purpose, chance in (("train", None), ("validation", 0.1))
    ]
    _, random, active = split_arms(labelled(rows[::-1]), seed=1)
    assert active["round"].is_monotonic_increasing
    assert random["round"].head(20).nunique() == 3
    again = split_arms(labelled(rows), seed=1)
    assert list(again.random["face_id"]) == list(random["face_id"])


def test_sizes_double_up_to_all() -> None:
    assert curve_sizes(100) == [6, 12, 25, 50, 100]
    assert curve_sizes(12) == [6, 12]


def test_labels_needed_lie_on_a_straight_line_in_the_logarithm() -> None:
    found, side = labels_needed([10, 40], np.array([0.5, 0.7]), 0.6)
    assert (found, side) == (pytest.approx(20), 0)


def test_labels_needed_say_where_the_curve_does_not_reach() -> None:
    curve = np.array([0.5, 0.7])
    assert labels_needed([10, 40], curve, 0.4) == (10, -1)
    assert labels_needed([10, 40], curve, 0.8) == (40, 1)


def test_a_dip_by_chance_is_no_second_crossing() -> None:
    found, side = labels_needed([10, 20, 40, 80], np.array([0.5, 0.7, 0.6, 0.8]), 0.65)
    assert (found, side) == (pytest.approx(np.sqrt(20 * 40)), 0)


def test_a_dip_is_evened_out_before_the_crossing_is_looked_for() -> None:
    """0.7 and 0.6 are 0.65 twice: the curve rises from there, and at the end stays there."""
    found, side = labels_needed([10, 20, 40, 80], np.array([0.5, 0.7, 0.6, 0.8]), 0.675)
    assert (found, side) == (pytest.approx(40 * 2 ** (1 / 6)), 0)
    found, side = labels_needed([10, 20, 40], np.array([0.5, 0.8, 0.6]), 0.65)
    assert (found, side) == (pytest.approx(10 * 2**0.75), 0)


@pytest.mark.parametrize("wanted", [0.5, 0.7])
def test_an_end_of_the_curve_that_is_met_to_the_digit_is_no_bound(wanted: float) -> None:
    expected = {0.5: 10, 0.7: 40}[wanted]
    found = labels_needed([10, 40], np.array([0.5, 0.7]), wanted)
    assert found == (pytest.approx(expected), 0)


def test_a_flat_stretch_is_met_in_its_middle() -> None:
    found = labels_needed([10, 20, 80], np.array([0.5, 0.6, 0.6]), 0.6)
    assert found == (pytest.approx(40), 0)


def test_arms_of_just_as_many_labels_as_are_needed_can_be_compared() -> None:
    five, four = ROWS[:5], ROWS[:4]
    assert why_unknown(9, five, five) is None
    for random, active in ((five, four), (four, five)):
        assert "5 of each are needed" in str(why_unknown(9, random, active))
    assert why_unknown(0, five, five) == "no validation set to judge on"


def saved_of(needed: list[float], confidence: float = 0.875) -> LabelsSaved:
    """Of 100 random labels; the active arm's score is ln(labels), of 10 to 1000 labels."""
    active = np.tile(np.log([10.0, 1000.0]), (len(needed), 1))
    return labels_saved([10, 1000], active, np.log(needed), 100, confidence)


def test_the_interval_of_labels_saved_leaves_a_sixteenth_out_on_each_side() -> None:
    """20, 22, ... 220 labels in 101 draws, the estimate apart: 6 of them beyond each end."""
    draws = np.random.default_rng(0).permutation(np.arange(20.0, 221, 2))
    found = saved_of([50, *draws])
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 1 - 2.08, 1 - 0.32))


def test_draws_that_just_reach_an_end_come_before_those_beyond() -> None:
    draws = [2000.0] * 4 + [1000.0] * 3 + [100.0] * 87 + [10.0] * 3 + [5.0] * 4
    found = saved_of([100, *draws])
    assert (found.low, found.high) == pytest.approx((1 - 10, 0.9))
    found = saved_of([100, *draws, *[2000.0] * 3, *[5.0] * 3])
    assert (found.low, found.high) == (None, None)


def test_one_draw_is_both_ends() -> None:
    found = saved_of([50, 20])
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.8, 0.8))


def test_labels_saved_are_those_of_two_known_curves() -> None:
    sizes, n = [25, 50, 100, 200], 100
    active = 0.1 * np.log(np.array(sizes) * 2)  # worth twice the labels
    saved = labels_saved(sizes, np.tile(active, (101, 1)), np.full(101, 0.1 * np.log(n)), n, 0.95)
    assert saved.bound is None
    assert [saved.value, saved.low, saved.high] == pytest.approx([0.5] * 3)


def test_what_the_curve_does_not_reach_is_a_bound_and_an_open_end() -> None:
    active = np.tile([0.5, 0.6, 0.7], (101, 1))
    behind = labels_saved([25, 50, 100], active, np.full(101, 0.9), 100, 0.95)
    assert (behind.value, behind.bound, behind.low) == (0.0, "at most", None)
    ahead = labels_saved([25, 50, 100], active, np.full(101, 0.1), 100, 0.95)
    assert (ahead.value, ahead.bound, ahead.high) == (0.75, "at least", None)


def simulated(lead: float, seed: int) -> ArmsCompared:
    """Compare arms whose heads err on known shares of the faces: the random arm's of size
    10, 20, 40, 80 are right on 60, 68, 76 and 84 %."""
    rng = np.random.default_rng(seed)
    n, sizes = 600, [10, 20, 40, 80]
    truth = rng.integers(0, 2, n)
    luck = rng.random(n)

    def head(place: int, extra: float) -> Head:
        # Feature `place` says the truth on just this share of the faces.
        weight = np.zeros((8, 2), np.float32)
        weight[place] = [-20, 20]
        right = luck < 0.6 + 0.08 * (place % 4) + extra
        features[:, place] = np.where(right, truth, 1 - truth) - 0.5
        blank = np.zeros(8, np.float32)
        return Head(("no", "yes"), weight, np.zeros(2, np.float32), blank, blank + 1, 1.0, 1, "x")

    features = np.zeros((n, 8), np.float32)
    random = {size: head(at, 0.0) for at, size in enumerate(sizes)}
    active = {size: head(4 + at, lead) for at, size in enumerate(sizes)}
    held_out = HeldOut(truth, np.arange(n), features, random[80], active[80])
    return compare_arms(held_out, random, active, "accuracy", WANTED, rng)[0]


def test_an_arm_that_is_better_is_said_to_save_labels() -> None:
    found = simulated(lead=0.08, seed=1)  # as good as the random arm with twice the labels
    assert found.delta.accuracy.low > 0
    assert found.labels_saved.low > 0.2
    assert found.labels_saved.value == pytest.approx(0.5, abs=0.15)


def test_equal_arms_are_not_told_apart() -> None:
    found = simulated(lead=0.0, seed=2)
    assert found.delta.accuracy.value == 0
    saved = found.labels_saved
    assert saved.value == pytest.approx(0, abs=0.01)
    assert (saved.low or 0) <= 1e-9 and (saved.high is None or saved.high >= -1e-9)


def test_neither_arm_trains_on_a_group_of_the_validation_set(second_round: Any) -> None:
    table = read_csv(LABELLED_DIR / "o01-i00.csv", LABELLED)
    judges = set(table.loc[table["split"] == "validation", "group"])
    arms = split_arms(table, seed=7)
    assert judges and len(arms.random) and len(arms.active)
    assert not judges & {group for arm in arms for group in arm["group"]}


def test_the_stage_compares_equal_numbers(second_round: Any) -> None:
    figures = read_record(ShadowFigures, METRICS_DIR / "shadow.json")
    table = read_csv(LABELLED_DIR / "o01-i00.csv", LABELLED)
    arms = split_arms(table, seed=7)
    assert figures.labels == min(len(arms.random), len(arms.active))
    assert figures.reason is None
    assert "labels saved" in shadow_line(figures)


def test_with_too_few_random_labels_it_says_so(
    second_round: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "LEAST_LABELS", 500)
    eval_shadow.main()
    figures = read_record(ShadowFigures, METRICS_DIR / "shadow.json")
    assert figures.labels_saved is None
    assert "500 of each are needed" in figures.reason
    assert shadow_line(figures).startswith("not known yet: ")
