"""What learning curves say, against numbers worked out by hand and against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from faceloop.commands.simulation.learning_curves import (
    area,
    curve_points,
    holm,
    labels_to_reach,
    paired_differences,
    summarise,
)

LABELS = np.array([100.0, 200.0, 400.0])


def results(seeds: int = 8) -> pd.DataFrame:
    """Curves of three strategies: `good` always above `random`, `same` equal to it."""
    rng, rows = np.random.default_rng(0), []
    for seed in range(seeds):
        base = np.array([0.5, 0.6, 0.7]) + rng.normal(scale=0.02)
        lift = {"random": 0, "same": 0, "good": 0.05 + 0.01 * seed / seeds}
        for strategy, more in lift.items():
            rows += [(strategy, seed, int(n), s + more) for n, s in zip(LABELS, base, strict=True)]
    return pd.DataFrame(rows, columns=["strategy", "seed", "labels", "macro_f1"])


def test_the_area_is_the_mean_height() -> None:
    # By hand: (0.5 + 0.6) / 2 over 100 labels, (0.6 + 0.7) / 2 over 200.
    expected = (0.55 * 100 + 0.65 * 200) / 300
    assert area(LABELS, np.array([0.5, 0.6, 0.7])) == pytest.approx(expected)
    assert area(LABELS[:1], np.array([0.5])) == 0.5


@pytest.mark.parametrize(
    ("target", "labels"),
    [(0.4, 100), (0.5, 100), (0.55, 150), (0.6, 200), (0.65, 300), (0.7, 400), (0.71, np.inf)],
)
def test_labels_to_reach_a_score_lie_on_the_line_between(target: float, labels: float) -> None:
    curve = np.array([0.5, 0.6, 0.7])
    assert labels_to_reach(LABELS, curve, target) == pytest.approx(labels)


def test_the_first_crossing_counts() -> None:
    assert labels_to_reach(LABELS, np.array([0.5, 0.7, 0.6]), 0.6) == pytest.approx(150)


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    p = np.array([0.04, 0.01, np.nan, 0.03])
    np.testing.assert_allclose(holm(p), [0.06, 0.03, np.nan, 0.06])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1, 1])


def test_paired_differences_equal_scipys_test_on_areas() -> None:
    table = paired_differences(results(), "macro_f1", "random", np.random.default_rng(0))
    good = table.set_index("strategy").loc["good"]
    gaps = [0.05 + 0.01 * seed / 8 for seed in range(8)]
    assert good["difference"] == pytest.approx(np.mean(gaps))
    assert good["p"] == pytest.approx(wilcoxon(gaps).pvalue) and good["wins"] == 8
    assert good["difference_low"] <= good["difference"] <= good["difference_high"]


def test_a_strategy_equal_to_the_baseline_has_no_p_value() -> None:
    table = paired_differences(results(), "macro_f1", "random", np.random.default_rng(0))
    same = table.set_index("strategy").loc["same"]
    assert same["difference"] == 0 and np.isnan(same["p"]) and np.isnan(same["p_holm"])


def test_the_summary_has_areas_last_scores_and_labels_to_targets() -> None:
    one = results(seeds=1)
    table = summarise(one, "macro_f1", {"last": 0.6}, np.random.default_rng(0)).set_index(
        "strategy"
    )
    curve = one.loc[one["strategy"] == "good", "macro_f1"].to_numpy()
    assert table.loc["good", "area"] == pytest.approx(area(LABELS, curve))
    assert table.loc["good", "last"] == pytest.approx(curve[-1])
    assert table.loc["good", "to_last"] == pytest.approx(labels_to_reach(LABELS, curve, 0.6))
    assert table.loc["good", "to_last"] < table.loc["random", "to_last"]


def test_intervals_hold_the_mean_and_narrow_to_it_for_one_seed() -> None:
    several = curve_points(results(), "macro_f1", np.random.default_rng(0))
    assert ((several["low"] <= several["mean"]) & (several["mean"] <= several["high"])).all()
    one = curve_points(results(seeds=1), "macro_f1", np.random.default_rng(0))
    np.testing.assert_allclose(one["high"], one["low"])


def test_a_curve_that_ended_early_is_cut_where_all_seeds_are_there() -> None:
    table = results(seeds=2)
    short = table[~((table["seed"] == 1) & (table["labels"] == 400))]
    points = curve_points(short, "macro_f1", np.random.default_rng(0))
    assert sorted(points["labels"].unique()) == [100, 200]
