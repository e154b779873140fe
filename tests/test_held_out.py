"""Figures of a released model: against scikit-learn and against counting by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from sklearn.metrics import precision_recall_fscore_support

from faceloop.commands.release.held_out_figures import (
    certain_above,
    class_figures,
    figures_by_value,
)
from faceloop.statistics.params import Intervals

SETTINGS = Intervals(bootstrap=200, confidence=0.95)


def faces(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    predicted = np.where(rng.random(n) < 0.8, truth, rng.integers(0, 3, n))
    return pd.DataFrame({"truth": truth, "predicted": predicted, "group": np.arange(n) // 2})


def test_class_figures_are_those_of_scikit_learn_inside_their_intervals() -> None:
    some = faces(90)
    found = class_figures(some, 3, SETTINGS, np.random.default_rng(0))
    expected = precision_recall_fscore_support(some["truth"], some["predicted"])
    for name, values in zip(("precision", "recall", "f1"), expected[:3], strict=True):
        rates = [getattr(one, name) for one in found]
        assert [one.value for one in rates] == pytest.approx(values.tolist())
        assert all(one.low < one.value < one.high for one in rates)
    assert [one.n for one in found] == expected[3].tolist()


def test_a_class_that_no_face_tells_about_has_no_figure() -> None:
    some = pd.DataFrame({"truth": [0, 0, 1], "predicted": [0, 0, 0], "group": ["a", "b", "c"]})
    found = class_figures(some, 3, SETTINGS, np.random.default_rng(0))
    assert found[1].precision is None and found[1].recall.value == 0
    assert found[2] == (0, None, None, None)


def test_a_recall_without_a_miss_has_wilsons_lower_end() -> None:
    some = pd.DataFrame({"truth": [0] * 30, "predicted": [0] * 30, "group": range(30)})
    (found, _) = class_figures(some, 2, SETTINGS, np.random.default_rng(0))
    assert found.recall.low == pytest.approx(30 / (30 + t.ppf(0.975, 29) ** 2))


def test_values_of_few_faces_and_unknown_ones_are_left_out() -> None:
    some, kinds = faces(100), pd.DataFrame({"country": ["x"] * 60 + ["y"] * 19 + [""] * 21})
    found = list(figures_by_value(some, kinds, 3, SETTINGS, np.random.default_rng(0)))
    assert [(one.column, one.value, one.n) for one in found] == [("country", "x", 60)]
    right = (some["truth"] == some["predicted"])[:60].mean()
    assert found[0].accuracy.value == pytest.approx(right)


def test_the_threshold_is_the_least_confidence_that_is_right_often_enough() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(300).round(2)
    is_right = rng.random(300) < confidence
    found = certain_above(confidence, is_right, 0.9)
    assert found is not None
    allowed = [
        threshold
        for threshold in np.unique(confidence)
        if (confidence >= threshold).sum() >= 20 and is_right[confidence >= threshold].mean() >= 0.9
    ]
    kept = confidence >= min(allowed)
    assert (found.threshold, found.faces) == (min(allowed), kept.sum())
    assert found.share == pytest.approx(kept.mean())
    assert found.precision == pytest.approx(is_right[kept].mean())


def test_without_enough_faces_or_hits_there_is_no_threshold() -> None:
    assert certain_above(np.ones(19), np.ones(19, bool), 0.9) is None
    assert certain_above(np.linspace(0, 1, 50), np.zeros(50, bool), 0.9) is None
    assert certain_above(np.array([]), np.array([], bool), 0.9) is None
