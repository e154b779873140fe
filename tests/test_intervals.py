"""Intervals and tests against their textbook forms, strata and swaps against plain loops."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, t
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from faceloop.statistics.confusion import confusion_by_group, figures, within_strata
from faceloop.statistics.intervals import (
    Error,
    deviation,
    difference_interval,
    freedom_of_mean,
    percentile_interval,
    share_interval,
)
from faceloop.statistics.kappa import cohen_kappa
from faceloop.statistics.resampling import bootstrap_confusions, lend_faces, swap_test


def counts_of(hits: list[bool], groups: list[int] | None = None) -> np.ndarray:
    """Counts of a model on faces of class 0 that is right where `hits` says so."""
    said = 1 - np.array(hits, int)
    return confusion_by_group(said * 0, said, np.array(groups or range(len(said))), 2)


@pytest.mark.parametrize(("hits", "n"), [(47, 60), (590, 600), (0, 40), (40, 40)])
def test_a_share_of_single_faces_has_wilsons_interval(hits: int, n: int) -> None:
    value = hits / n
    found = share_interval(value, Error(np.sqrt(value * (1 - value) / n), n - 1), n, 0.95)
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    # t in place of z makes it a little wider.
    assert found == pytest.approx([expected.low, expected.high], abs=0.006)
    assert found[0] <= expected.low + 1e-9 and found[1] >= expected.high - 1e-9


def test_twice_the_error_is_a_quarter_of_the_faces() -> None:
    one, other = (share_interval(0.8, Error(error, 499), 500, 0.95) for error in (0.04, 0.02))
    assert (one[1] - one[0]) / (other[1] - other[0]) == pytest.approx(2, rel=0.02)


def test_few_degrees_of_freedom_widen_the_interval() -> None:
    many, few = (share_interval(0.8, Error(0.02, freedom), 500, 0.95) for freedom in (499, 3))
    expected = t.ppf(0.975, 3) / t.ppf(0.975, 499)
    assert (few[1] - few[0]) / (many[1] - many[0]) == pytest.approx(expected, rel=0.05)


def test_freedom_is_welchs() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(scale=[0.1, 0.3], size=(5000, 2))
    one, other = draws.var(axis=0)
    welch = (one + other) ** 2 / (one**2 / 39 + other**2 / 4)
    assert freedom_of_mean(draws, np.array([40, 5])) == pytest.approx(welch)
    assert freedom_of_mean(np.ones((10, 2)), np.array([40, 5])) == 39  # no error at all


def test_a_difference_is_t_times_its_error_with_one_group_more_on_each_side() -> None:
    low, high = difference_interval(0.02, 0.03, 50, 0.9)
    half = t.ppf(0.95, 49) * np.sqrt(0.03**2 + 2 / 50**2)
    assert (low, high) == pytest.approx((0.02 - half, 0.02 + half))


def test_no_interval_leaves_its_range() -> None:
    assert difference_interval(0.9, 0.3, 5, 0.95)[1] == 1
    assert difference_interval(-0.9, 0.3, 5, 0.95)[0] == -1
    low, high = share_interval(0.01, Error(0.2, 0), 1, 0.95)
    assert 0 <= low < high <= 1


def test_the_deviation_of_means_is_the_usual_standard_error() -> None:
    x = np.random.default_rng(0).normal(size=30)
    drawn = np.random.default_rng(1).multinomial(30, [1 / 30] * 30, size=20_000) @ x / 30
    assert deviation(drawn, 30) == pytest.approx(x.std(ddof=1) / np.sqrt(30), rel=0.02)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_deviation_of_every_draw_there_is_is_the_usual_standard_error(n: int) -> None:
    x = np.array([0.1, 0.9, 0.4, 0.2])[:n]
    means = np.array([np.mean(some) for some in product(x, repeat=n)])
    assert deviation(means, n) == pytest.approx(x.std(ddof=1) / np.sqrt(n), rel=1e-12)


def test_one_group_has_no_deviation() -> None:
    assert deviation(np.full(9, 0.4), 1) == pytest.approx(0)


@pytest.mark.parametrize(("n", "freedom"), [(1, 1), (2, 1), (4, 3)])
def test_few_groups_without_an_error_count_as_one_face_each(n: int, freedom: int) -> None:
    t2 = t.ppf(0.975, freedom) ** 2
    right, wrong = (share_interval(value, Error(0.0, n - 1), n, 0.95) for value in (1.0, 0.0))
    assert right == pytest.approx((n / (n + t2), 1))
    assert wrong == pytest.approx((0, t2 / (n + t2)))


@pytest.mark.parametrize(("n", "freedom"), [(1, 1), (2, 1), (4, 3), (400, 399)])
def test_equal_models_may_differ_by_one_group_won_and_one_lost(n: int, freedom: int) -> None:
    half = min(t.ppf(0.975, freedom) * np.sqrt(2) / n, 1)
    assert difference_interval(0.0, 0.0, n, 0.95) == pytest.approx((-half, half))


def test_freedom_of_few_groups() -> None:
    assert freedom_of_mean(np.ones((10, 2)), np.array([0, 0])) == 1
    assert freedom_of_mean(np.ones((10, 2)), np.array([1, 1])) == 1
    varying = np.column_stack([np.arange(10.0), np.zeros(10)])
    for n, freedom in ((0, 1), (1, 1), (2, 1), (4, 3)):
        assert freedom_of_mean(varying, np.array([n, 400])) == pytest.approx(freedom)


def test_percentiles_reach_at_least_to_the_rule_of_three() -> None:
    draws = np.linspace(0.2, 0.6, 101)
    assert percentile_interval(0.4, draws, np.inf, 0.9) == pytest.approx((0.22, 0.58))
    reach = -np.log(0.1) / 10
    assert percentile_interval(0.4, draws, 10, 0.9) == pytest.approx((0.4 - reach, 0.4 + reach))
    for n in (1, 2, 4):
        reach = -np.log(0.1) / n
        assert percentile_interval(0.0, np.zeros(9), n, 0.9) == pytest.approx((0, min(reach, 1)))
        assert percentile_interval(1.0, np.ones(9), n, 0.9) == pytest.approx((max(1 - reach, 0), 1))


def test_swaps_are_the_sign_test_for_single_faces() -> None:
    before = [True] * 20 + [False] * 9 + [True] * 2
    after = [True] * 20 + [True] * 9 + [False] * 2
    chances = swap_test([counts_of(before), counts_of(after)], 40_000, np.random.default_rng(0))
    expected = [binomtest(k, 11, alternative="greater").pvalue for k in (9, 2)]
    assert chances["accuracy"] == pytest.approx(expected, abs=0.004)


def test_swaps_are_of_whole_groups() -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 6, 24).tolist()
    before, after = (counts_of((rng.random(24) < p).tolist(), groups) for p in (0.5, 0.8))
    observed = figures(after.sum(0))["macro_f1"] - figures(before.sum(0))["macro_f1"]
    deltas = []
    for swaps in product([False, True], repeat=len(before)):
        swapped = np.array(swaps)[:, None, None]
        one, other = np.where(swapped, after, before), np.where(swapped, before, after)
        deltas.append(figures(other.sum(0))["macro_f1"] - figures(one.sum(0))["macro_f1"])
    expected = [np.mean(deltas >= observed - 1e-12), np.mean(deltas <= observed + 1e-12)]
    found = swap_test([before, after], 20_000, np.random.default_rng(0))["macro_f1"]
    assert found == pytest.approx(expected, abs=0.01)


def test_p_is_never_0_and_equal_models_never_differ() -> None:
    before, after = counts_of([False] * 40), counts_of([True] * 40)
    assert swap_test([before, after], 99, np.random.default_rng(0))["accuracy"][0] == 0.01
    same = swap_test([after, after], 99, np.random.default_rng(0))
    assert set(same.values()) == {(1.0, 1.0)}


def test_counts_within_strata_add_up_and_forget_what_strata_explain() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 40)
    strata = truth.copy()
    groups = rng.permutation(120) // 2
    counts = within_strata(truth, truth, groups, 3, None, strata)
    np.testing.assert_allclose(counts.sum(axis=0), np.diag([40, 40, 40]))
    (draws,) = bootstrap_confusions([counts], 50, rng)
    np.testing.assert_allclose(draws, np.broadcast_to(counts.sum(0), draws.shape), atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_counts_within_strata_are_residuals_in_a_plain_loop(weighted: bool) -> None:
    """Four groups, two strata and five faces, so that n - H = 3 is neither n nor n - 1."""
    truth, said = [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]
    strata, groups = [0, 0, 0, 1, 1], [0, 1, 2, 2, 3]
    weights = [0.5, 1.5, 2.0, 0.4, 0.6] if weighted else [1.0] * 5
    cells = [
        np.outer(np.eye(2)[one], np.eye(2)[other]) for one, other in zip(truth, said, strict=True)
    ]
    total = sum(weight * cell for weight, cell in zip(weights, cells, strict=True))
    expected = [total / 4 for _ in range(4)]
    for place, stratum in enumerate(strata):
        inside = [at for at in range(5) if strata[at] == stratum]
        weight = sum(weights[at] for at in inside)
        mean = sum(weights[at] * cells[at] for at in inside) / weight
        residual = weights[place] * (cells[place] - mean)
        expected[groups[place]] = expected[groups[place]] + residual * np.sqrt(5 / 3)
    given = np.array(weights) if weighted else None
    found = within_strata(*map(np.array, (truth, said, groups)), 2, given, np.array(strata))
    np.testing.assert_allclose(found, expected)


def test_strata_of_one_face_each_leave_nothing_to_vary() -> None:
    for n in (1, 2, 4):
        alone = np.arange(n)
        counts = within_strata(alone * 0, alone % 2, alone, 2, None, alone)
        np.testing.assert_allclose(counts, np.broadcast_to(counts.sum(axis=0) / n, counts.shape))


def test_no_count_that_is_drawn_is_below_0() -> None:
    cells = np.array([[[3.0, -1.0], [0.0, 1.0]], [[1.0, 2.0], [0.5, 1.0]]])
    (draws,) = bootstrap_confusions([cells], 200, np.random.default_rng(0))
    possible = [np.maximum(one + other, 0) for one, other in product(cells, repeat=2)]
    assert {tuple(draw.ravel()) for draw in draws} == {tuple(one.ravel()) for one in possible}


def test_one_stratum_gives_the_plain_error_of_a_share() -> None:
    rng = np.random.default_rng(0)
    truth, said = np.zeros(80, int), (rng.random(80) < 0.3).astype(int)
    counts = within_strata(truth, said, np.arange(80), 2, None, truth)
    (draws,) = bootstrap_confusions([counts], 20_000, rng)
    share = (said == 0).mean()
    expected = np.sqrt(share * (1 - share) / 79)
    assert deviation(figures(draws)["accuracy"], 80) == pytest.approx(expected, rel=0.03)


def test_a_stratified_sample_is_as_good_as_its_strata() -> None:
    """The error from one sample against the spread of many samples."""
    rng = np.random.default_rng(1)
    share = np.array([0.05, 0.5, 0.95])
    strata = np.repeat([0, 1, 2], 50)
    accuracies, told = [], []
    for _ in range(200):
        said = (rng.random(150) >= share[strata]).astype(int)
        counts = within_strata(said * 0, said, np.arange(150), 2, None, strata)
        (draws,) = bootstrap_confusions([counts], 200, rng)
        accuracies.append((said == 0).mean())
        told.append(deviation(figures(draws)["accuracy"], 150))
    assert np.mean(told) == pytest.approx(np.std(accuracies), rel=0.15)


def test_a_lent_face_is_right_by_a_coin_and_else_any_other_class() -> None:
    lent = lend_faces(np.zeros((6000, 3, 3)), np.random.default_rng(0), faces=1.0)
    expected = np.where(np.eye(3) > 0, 1 / 2, 1 / 4)
    np.testing.assert_allclose(lent.mean(axis=0), expected, atol=0.03)


def test_lent_faces_give_a_class_of_three_an_error() -> None:
    draws = np.tile(np.diag([100.0, 3.0]), (4000, 1, 1))
    lent = lend_faces(draws, np.random.default_rng(0), faces=1.0)
    assert set((lent - draws).sum(axis=2).ravel()) == {1.0}
    recall = lent[:, 1, 1] / lent[:, 1].sum(axis=1)
    assert recall.mean() == pytest.approx(3.5 / 4, abs=0.01) and recall.std() > 0.1


@pytest.mark.parametrize("seed", range(5))
def test_kappa_equals_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 4, 60)
    other = np.where(rng.random(60) < 0.6, one, rng.integers(0, 3, 60))
    counts = confusion_matrix(one, other, labels=range(5))  # the last of them nobody gave
    assert cohen_kappa(counts) == pytest.approx(cohen_kappa_score(one, other))


def test_one_label_for_all_leaves_nothing_beyond_chance() -> None:
    assert cohen_kappa(np.diag([7, 0])) is None
    assert cohen_kappa(np.array([[0, 7], [0, 0]])) == 0
