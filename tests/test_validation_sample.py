"""The validation sample: exact size, proportional strata, equal inclusion probability."""

import numpy as np
import pandas as pd
import pytest

from faceloop.sampling.validation import draw_groups, stratified_sample


@pytest.mark.parametrize(("n", "size"), [(0, 5), (1, 5), (5, 5), (7, 5), (100, 13), (100, 0)])
def test_the_size_is_exact_and_no_position_comes_twice(n: int, size: int) -> None:
    strata = np.random.default_rng(0).integers(0, 4, n)
    drawn = stratified_sample(strata, np.arange(n), size, np.random.default_rng(1))
    assert len(drawn) == len(set(drawn.tolist())) == min(n, size)
    assert drawn.tolist() == sorted(drawn.tolist())
    assert all(0 <= at < n for at in drawn)


def test_each_stratum_gets_its_share_within_one() -> None:
    strata = np.repeat([0, 1, 2, 3], [50, 30, 15, 5])
    for seed in range(50):
        drawn = stratified_sample(strata, np.arange(100), 20, np.random.default_rng(seed))
        counts = np.bincount(strata[drawn], minlength=4)
        assert (np.abs(counts - [10, 6, 3, 1]) <= 1).all()


def test_every_position_is_as_likely_even_in_a_tiny_stratum() -> None:
    strata = np.array([0] * 17 + [1] * 2 + [2])
    n, size, draws = len(strata), 6, 6000
    rng = np.random.default_rng(0)
    hits = np.zeros(n)
    for _ in range(draws):
        hits[stratified_sample(strata, np.arange(n), size, rng)] += 1
    expected = size / n
    five_sigma = 5 * np.sqrt(expected * (1 - expected) / draws)
    assert np.abs(hits / draws - expected).max() < five_sigma


def test_any_two_of_a_stratum_may_be_drawn_together() -> None:
    rng = np.random.default_rng(0)
    pairs = {
        tuple(stratified_sample(np.zeros(4, int), np.arange(4), 2, rng).tolist())
        for _ in range(200)
    }
    assert len(pairs) == 6


class AlmostOne(np.random.Generator):
    """Draws the greatest number below 1 every time."""

    def random(self) -> float:  # type: ignore[override]
        return float(np.nextafter(1, 0))


def test_rounding_never_steps_beyond_the_last_position() -> None:
    for n in (1, 2, 4, 10):
        for size in range(1, n + 1):
            rng = AlmostOne(np.random.PCG64(0))
            drawn = stratified_sample(np.zeros(n, int), np.arange(n), size, rng)
            assert len(drawn) == size and drawn.max() < n


def test_the_same_generator_draws_the_same() -> None:
    strata = np.arange(40) % 3
    first, again, other = (
        stratified_sample(strata, strata, 10, np.random.default_rng(seed)).tolist()
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_groups_are_drawn_whole_and_leave_their_share_to_training() -> None:
    groups = np.repeat([f"photo {n}" for n in range(9)], 4)
    mask, probability = draw_groups(groups, 0.5, np.random.default_rng(0))
    lent = set(groups[mask])
    assert len(lent) == 5 and probability == 5 / 9
    assert mask.sum() == 4 * len(lent), "a group is drawn with all its faces"


def test_every_group_is_drawn_as_often_as_its_probability_says() -> None:
    groups, rng = np.arange(10), np.random.default_rng(0)
    times = sum(draw_groups(groups, 0.3, rng)[0].astype(int) for _ in range(4000))
    assert np.abs(times / 4000 - 0.3).max() < 0.04


def test_no_group_gives_none() -> None:
    mask, _ = draw_groups(np.array([]), 0.5, np.random.default_rng(0))
    assert mask.shape == (0,)


def test_groups_may_come_as_pandas_keeps_strings() -> None:
    names = [f"photo {n % 7}" for n in range(40)]
    plain, _ = draw_groups(np.array(names), 0.5, np.random.default_rng(3))
    kept, _ = draw_groups(pd.array(names, dtype="str"), 0.5, np.random.default_rng(3))
    np.testing.assert_array_equal(plain, kept)
