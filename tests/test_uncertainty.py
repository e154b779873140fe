"""Uncertainty against the formulas written out, and the pick of the most uncertain."""

import math

import numpy as np
import pandas as pd
import pytest

from faceloop.model import head
from faceloop.sampling.params import UNCERTAINTY
from faceloop.sampling.uncertainty import DRAWN, STRATEGIES, most_uncertain, score


def naive_entropy(p: list[float]) -> float:
    return -sum(one * math.log2(one) for one in p if one > 0) / math.log2(len(p))


def naive_least_confidence(p: list[float]) -> float:
    return (1 - max(p)) * len(p) / (len(p) - 1)


def naive_margin(p: list[float]) -> float:
    first, second = sorted(p, reverse=True)[:2]
    return 1 - (first - second)


def naive_ratio(p: list[float]) -> float:
    first, second = sorted(p, reverse=True)[:2]
    return second / first


NAIVE = {
    "entropy": naive_entropy,
    "least_confidence": naive_least_confidence,
    "margin": naive_margin,
    "ratio": naive_ratio,
}


def some_p(n: int, n_classes: int) -> np.ndarray:
    p = np.random.default_rng(n_classes).dirichlet(np.full(n_classes, 0.4), size=n)
    p[0] = 0
    p[0, -1] = 1
    p[1] = 1 / n_classes
    return p


def test_every_strategy_has_its_reference() -> None:
    assert NAIVE.keys() == STRATEGIES.keys()


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("strategy", NAIVE)
def test_scores_equal_the_formula(strategy: str, n_classes: int) -> None:
    p = some_p(50, n_classes)
    expected = [NAIVE[strategy](row) for row in p.tolist()]
    np.testing.assert_allclose(STRATEGIES[strategy](p), expected, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("strategy", NAIVE)
def test_scores_are_0_when_certain_and_1_when_uniform(strategy: str, n_classes: int) -> None:
    scores = STRATEGIES[strategy](some_p(50, n_classes))
    assert scores[0] == pytest.approx(0) and scores[1] == pytest.approx(1)
    assert (scores >= -1e-12).all() and (scores <= 1 + 1e-12).all()


@pytest.mark.parametrize("strategy", NAIVE)
def test_scores_grow_as_the_top_class_falls(strategy: str) -> None:
    tops = np.linspace(0.99, 0.5, 20)
    p = np.stack([tops, 1 - tops - (1 - tops) / 4, (1 - tops) / 4], axis=1)
    assert (np.diff(STRATEGIES[strategy](p)) > 0).all()


def test_score_calls_the_strategy_by_name() -> None:
    p, ids = some_p(5, 3), np.arange(5).astype(str)
    found = score("margin", p, ids, np.random.default_rng(0))
    np.testing.assert_array_equal(found, STRATEGIES["margin"](p).round(6))


def test_params_may_name_just_these() -> None:
    assert set(UNCERTAINTY) == {*STRATEGIES, *DRAWN}


def test_random_scores_come_from_the_generator_alone() -> None:
    ids = np.arange(9).astype(str)
    first = score("random", some_p(9, 3), ids, np.random.default_rng(4))
    again = score("random", np.full((9, 3), 1 / 3), ids, np.random.default_rng(4))
    np.testing.assert_array_equal(first, again)
    assert len(set(first)) == 9


@pytest.mark.parametrize("strategy", DRAWN)
def test_chance_goes_by_face_id_whatever_the_order(strategy: str) -> None:
    p, ids, order = some_p(9, 3), np.arange(9).astype(str), np.random.default_rng(1).permutation(9)
    first = score(strategy, p, ids, np.random.default_rng(4))
    other = score(strategy, p[order], ids[order], np.random.default_rng(4))
    np.testing.assert_array_equal(first[order], other)


def test_power_margin_draws_first_in_proportion_to_the_margin() -> None:
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.5, 0.5]])  # margins 0.2, 0.6 and 1
    ids, rng = np.array(["a", "b", "c"]), np.random.default_rng(0)
    firsts = [score("power_margin", p, ids, rng).argmax() for _ in range(4000)]
    shares = np.bincount(firsts) / 4000
    np.testing.assert_allclose(shares, np.array([0.2, 0.6, 1]) / 1.8, atol=0.03)


def test_a_sure_model_leaves_power_margin_finite() -> None:
    scores = score("power_margin", np.eye(3), np.array(["a", "b", "c"]), np.random.default_rng(0))
    assert np.isfinite(scores).all()


def test_the_greatest_scores_come_first_and_ties_go_by_face_id() -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.1, 0.5])
    ids = np.array(["c", "z", "a", "y", "b"])
    assert most_uncertain(scores, ids, 3).tolist() == [1, 2, 4]


def test_the_pick_does_not_depend_on_the_order_of_the_faces() -> None:
    rng = np.random.default_rng(0)
    scores, ids = rng.integers(0, 4, 30) / 4, np.array([f"{at:02d}" for at in range(30)])
    order = rng.permutation(30)
    picked = ids[most_uncertain(scores, ids, 12)]
    np.testing.assert_array_equal(picked, ids[order][most_uncertain(scores[order], ids[order], 12)])


def test_a_small_pool_gives_all_it_has() -> None:
    assert most_uncertain(np.array([0.1, 0.2]), np.array(["a", "b"]), 9).tolist() == [1, 0]
    assert most_uncertain(np.array([]), np.array([], dtype=str), 9).tolist() == []


def test_a_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        most_uncertain(np.array([0.1, np.nan]), np.array(["a", "b"]), 1)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "BLOCK", 7)


@pytest.mark.parametrize("levels", [1, 3, 1000])
@pytest.mark.parametrize("size", [0, 1, 10, 40])
def test_block_by_block_the_pick_is_that_of_sorting_all(
    small_blocks: None, levels: int, size: int
) -> None:
    rng = np.random.default_rng(levels)
    scores, ids = rng.integers(0, levels, 40) / levels, rng.permutation(40).astype(str)
    expected = np.lexsort((ids, -scores))[:size]
    for kept_as in (ids, pd.array(ids, dtype="str")):
        np.testing.assert_array_equal(most_uncertain(scores, kept_as, size), expected)
