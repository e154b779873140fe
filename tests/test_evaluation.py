"""Figures against scikit-learn's, intervals against a bootstrap in a plain loop."""

import warnings

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)
from sklearn.metrics import log_loss as sklearn_log_loss

from faceloop.evaluation.comparison import (
    SWAPS,
    PairedPredictions,
    compare,
    confusion_by_group,
    errors,
    expected_calibration_error,
    figures,
    log_loss,
    per_class,
    plot_points,
    reliability,
)
from faceloop.evaluation.evaluation_figures import Comparison
from faceloop.statistics.intervals import Error, deviation, difference_interval, share_interval
from faceloop.statistics.params import Intervals
from faceloop.statistics.resampling import bootstrap_confusions, lend_faces, swap_test

CLASSES = ["none", "glasses", "sunglasses"]
SETTINGS = Intervals(bootstrap=200, confidence=0.9)


def naive_figures(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "accuracy": accuracy_score(truth, predicted),
            "macro_f1": f1_score(truth, predicted, average="macro", zero_division=0),
            "balanced_accuracy": balanced_accuracy_score(truth, predicted),
        }


def judged(n: int = 60, seed: int = 0) -> PairedPredictions:
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, size=n, p=[0.6, 0.3, 0.1])
    groups = np.array([f"g{one}" for one in rng.integers(0, n // 3 + 1, n)])
    accepted, candidate = (
        rng.dirichlet([0.5] * 3, size=n) * 0.6 + share * np.eye(3)[truth] for share in (0.2, 0.4)
    )
    p = [one / one.sum(axis=1, keepdims=True) for one in (accepted, candidate)]
    return PairedPredictions(truth, groups, *p)


@pytest.mark.parametrize("present", [[0, 1, 2], [0, 1], [2]])
@pytest.mark.parametrize("guessed", [[0, 1, 2], [0, 2], [1]])
def test_figures_equal_scikit_learns(present: list[int], guessed: list[int]) -> None:
    rng = np.random.default_rng(1)
    truth, predicted = rng.choice(present, 40), rng.choice(guessed, 40)
    confusion = confusion_by_group(truth, predicted, truth * 0, 3).sum(axis=0)
    np.testing.assert_array_equal(confusion, confusion_matrix(truth, predicted, labels=range(3)))
    found = {name: float(value) for name, value in figures(confusion).items()}
    assert found == pytest.approx(naive_figures(truth, predicted))


def test_counts_by_group_add_up_to_the_whole() -> None:
    some = judged()
    predicted = some.candidate.argmax(axis=1)
    counts = confusion_by_group(some.truth, predicted, some.groups, 3)
    assert len(counts) == len(set(some.groups))
    for place, name in enumerate(sorted(set(some.groups))):
        mine = some.groups == name
        expected = confusion_matrix(some.truth[mine], predicted[mine], labels=range(3))
        np.testing.assert_array_equal(counts[place], expected)


def test_the_bootstrap_equals_resampling_groups_in_a_loop() -> None:
    some = judged()
    guesses = [p.argmax(axis=1) for p in (some.accepted, some.candidate)]
    confusions = [confusion_by_group(some.truth, one, some.groups, 3) for one in guesses]
    names = sorted(set(some.groups))
    counts = bootstrap_confusions(confusions, 50, np.random.default_rng(4))
    found = [figures(one) for one in counts]
    drawn = np.random.default_rng(4).multinomial(len(names), [1 / len(names)] * len(names), size=50)
    for replicate, times in enumerate(drawn):
        faces = np.concatenate(
            [
                np.flatnonzero(some.groups == name)
                for name, n in zip(names, times, strict=True)
                for _ in range(n)
            ]
        )
        for model, guess in zip(found, guesses, strict=True):
            expected = naive_figures(some.truth[faces], guess[faces])
            assert {k: v[replicate] for k, v in model.items()} == pytest.approx(expected)


def test_a_mean_over_classes_knows_its_error_no_better_than_the_class_that_makes_it() -> None:
    """25 and 25 faces, and 3 of a class that is right twice: most of the error is of the three."""
    cells = {(0, 0): 22, (0, 1): 3, (1, 1): 21, (1, 0): 4, (2, 2): 2, (2, 0): 1}
    truth, said = (np.repeat(one, list(cells.values())) for one in zip(*cells, strict=True))
    counts = confusion_by_group(truth, said, np.arange(53), 3)
    (draws,) = bootstrap_confusions([counts], 2000, np.random.default_rng(0))
    found = errors(draws, counts, np.random.default_rng(1))
    lent = lend_faces(draws, np.random.default_rng(1))
    v = [np.var(lent[:, at, at] / lent[:, at].sum(axis=1)) for at in range(3)]
    expected = sum(v) ** 2 / (v[0] ** 2 / 24 + v[1] ** 2 / 24 + v[2] ** 2 / 2)
    assert found["balanced_accuracy"].freedom == pytest.approx(expected)
    assert 2 < found["balanced_accuracy"].freedom < 5
    assert 2 < found["macro_f1"].freedom < 5
    assert found["accuracy"].freedom == 52


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy"])
def test_a_class_is_known_by_the_groups_that_tell_of_it(metric: str) -> None:
    """F1 hangs on a class's faces and on those taken for it, recall on its faces alone."""
    cells = {(0, 0): 22, (0, 1): 3, (1, 1): 21, (1, 0): 4, (2, 2): 2, (2, 0): 1}
    truth, said = (np.repeat(one, list(cells.values())) for one in zip(*cells, strict=True))
    counts = confusion_by_group(truth, said, np.arange(53), 3)
    (draws,) = bootstrap_confusions([counts], 500, np.random.default_rng(0))
    lent = lend_faces(draws, np.random.default_rng(1))
    v, tell = [], []
    for at in range(3):
        hits, true, taken = lent[:, at, at], lent[:, at].sum(axis=1), lent[:, :, at].sum(axis=1)
        f1 = metric == "macro_f1"
        v.append(np.var(2 * hits / (true + taken) if f1 else hits / true))
        tell.append(int(((truth == at) | ((said == at) & f1)).sum()))
    expected = sum(v) ** 2 / sum(one**2 / (n - 1) for one, n in zip(v, tell, strict=True))
    found = errors(draws, counts, np.random.default_rng(1))
    assert found[metric].freedom == pytest.approx(expected)


def test_crowded_groups_give_no_more_freedom_than_there_are_groups() -> None:
    truth = np.tile([0, 0, 1, 1, 2, 2], 4)
    groups, said = np.repeat(np.arange(4), 6), truth.copy()
    said[[0, 8, 16, 17]] += 1
    said %= 3
    counts = confusion_by_group(truth, said, groups, 3)
    (draws,) = bootstrap_confusions([counts], 200, np.random.default_rng(0))
    found = errors(draws, counts, np.random.default_rng(1))
    assert {one.freedom for one in found.values()} == {3.0}


def test_the_error_of_accuracy_lends_no_faces() -> None:
    counts = np.zeros((4, 2, 2))
    counts[[0, 1], 0, 0] = counts[[2, 3], 1, 0] = 1  # two right, two wrong
    (draws,) = bootstrap_confusions([counts], 300, np.random.default_rng(0))
    times = np.random.default_rng(0).multinomial(4, [1 / 4] * 4, size=300)
    expected = np.std([(one[0] + one[1]) / 4 for one in times]) * np.sqrt(4 / 3)
    found = errors(draws, counts, np.random.default_rng(1))["accuracy"]
    assert found == pytest.approx((expected, 3))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_few_groups_all_right_have_wilsons_interval_with_t(n: int) -> None:
    zeros, p = np.zeros(n, int), np.tile([0.9, 0.1], (n, 1))
    found = compare(
        PairedPredictions(zeros, np.arange(n), p, p), ["a", "b"], SETTINGS, np.random.default_rng(0)
    )
    assert (found.n, found.groups) == (n, n)
    assert found.accepted is not None and found.delta is not None
    t2 = t.ppf(0.95, max(n - 1, 1)) ** 2
    accuracy, delta = found.accepted.accuracy, found.delta.accuracy
    assert (accuracy.value, accuracy.low, accuracy.high) == pytest.approx((1, n / (n + t2), 1))
    half = min(np.sqrt(2 * t2) / n, 1)
    assert (delta.value, delta.low, delta.high) == pytest.approx((0, -half, half))
    assert (delta.p_gain, delta.p_loss) == (1, 1)


def test_two_faces_of_two_classes_tell_the_shares_with_one_degree_of_freedom() -> None:
    p = np.eye(2)
    some = PairedPredictions(np.array([0, 1]), np.array([0, 1]), p, p)
    found = compare(some, ["a", "b"], SETTINGS, np.random.default_rng(0))
    times = np.random.default_rng(0).multinomial(2, [1 / 2] * 2, size=200)
    error = Error(float(np.std(times[:, 0] / 2)) * np.sqrt(2), 1)
    expected = share_interval(0.5, error, 2, 0.9)
    assert found.class_shares is not None
    for share in found.class_shares.values():
        assert (share.value, share.low, share.high) == pytest.approx((0.5, *expected))


def test_compare_gives_points_intervals_and_chances() -> None:
    some = judged()
    result = compare(some, CLASSES, SETTINGS, np.random.default_rng(4))
    guesses = {m: getattr(some, m).argmax(axis=1) for m in ("accepted", "candidate")}
    points = {m: naive_figures(some.truth, guess) for m, guess in guesses.items()}
    confusions = [confusion_by_group(some.truth, g, some.groups, 3) for g in guesses.values()]
    rng, n_groups = np.random.default_rng(4), len(set(some.groups))
    before, after = bootstrap_confusions(confusions, 200, rng)
    error = {
        "accepted": errors(before, confusions[0], rng),
        "candidate": errors(after, confusions[1], rng),
    }
    chances = swap_test(confusions, SWAPS, rng)
    for metric in ("accuracy", "macro_f1", "balanced_accuracy"):
        for model in error:
            one, point = getattr(result, model)[metric], points[model][metric]
            ends = share_interval(point, error[model][metric], n_groups, 0.9)
            assert [one.value, one.low, one.high] == pytest.approx([point, *ends])
        delta = points["candidate"][metric] - points["accepted"][metric]
        spread = deviation(figures(after)[metric] - figures(before)[metric], n_groups)
        ends = difference_interval(delta, spread, n_groups, 0.9)
        expected = [delta, *ends, *chances[metric]]
        assert list(result.delta[metric].model_dump().values()) == pytest.approx(expected)
    assert (result.n, result.groups, result.confidence) == (60, n_groups, 0.9)


def test_class_shares_come_with_intervals() -> None:
    some = judged()
    shares = compare(some, CLASSES, SETTINGS, np.random.default_rng(0)).class_shares
    for at, name in enumerate(CLASSES):
        assert shares[name].value == pytest.approx((some.truth == at).mean())
        assert shares[name].low < shares[name].value < shares[name].high


def test_a_face_of_weight_two_counts_as_two() -> None:
    some = judged()
    weights = np.where(np.arange(60) < 20, 2.0, 1.0)
    twice = np.concatenate([np.arange(60), np.arange(20)])
    doubled = PairedPredictions(*(np.asarray(one)[twice] for one in some[:4]))
    found = compare(
        some._replace(weights=weights / weights.mean()), CLASSES, SETTINGS, np.random.default_rng(0)
    )
    expected = compare(doubled, CLASSES, SETTINGS, np.random.default_rng(0))
    for part in ("accepted", "candidate", "delta"):
        for metric in ("accuracy", "macro_f1", "balanced_accuracy"):
            one, other = (getattr(both, part)[metric] for both in (found, expected))
            assert one.value == pytest.approx(other.value)
    for name in CLASSES:
        share = expected.class_shares[name].value
        assert found.class_shares[name].value == pytest.approx(share)


def test_equal_models_may_still_differ_by_what_so_few_groups_cannot_show() -> None:
    some = judged()
    same = some._replace(accepted=some.candidate)
    delta = compare(same, CLASSES, SETTINGS, np.random.default_rng(0)).delta.macro_f1
    low, high = difference_interval(0, 0, len(set(some.groups)), 0.9)
    expected = {"value": 0, "low": low, "high": high, "p_gain": 1, "p_loss": 1}
    assert delta.model_dump() == pytest.approx(expected) and low < 0 < high


def test_a_perfect_score_on_few_faces_is_not_certain() -> None:
    sure = np.eye(3)[np.arange(20) % 3]
    few = PairedPredictions(np.arange(20) % 3, np.arange(20), sure, sure)
    found = compare(few, CLASSES, SETTINGS, np.random.default_rng(0)).candidate.accuracy
    assert found.value == found.high == 1 and 0.8 < found.low < 0.9


def test_the_interval_is_wider_where_faces_come_in_few_groups() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    right = np.repeat(rng.random(12) < 0.5, 10)
    p = np.where(right[:, None], [1.0, 0.0], [0.0, 1.0])
    widths = []
    for grouping in (groups, np.arange(120)):
        some = PairedPredictions(np.zeros(120, int), grouping, p, p)
        one = compare(some, ["a", "b"], SETTINGS, np.random.default_rng(1)).candidate.accuracy
        widths.append(one.high - one.low)
    assert widths[0] > 2 * widths[1]


def test_of_no_face_there_is_no_figure() -> None:
    nothing = np.zeros((0, 3))
    empty = PairedPredictions(np.zeros(0, int), np.zeros(0, str), nothing, nothing)
    found = compare(empty, CLASSES, SETTINGS, np.random.default_rng(0))
    assert found == Comparison(n=0, groups=0, confidence=SETTINGS.confidence)
    points = plot_points(empty, CLASSES)
    assert {name: len(table) for name, table in points.items()} == {
        "confusion": 0,
        "reliability": 0,
        "per_class": 3,
    }
    assert list(points["confusion"]) == ["actual", "predicted"]


def test_log_loss_equals_scikit_learns() -> None:
    some = judged()
    expected = sklearn_log_loss(some.truth, some.candidate, labels=[0, 1, 2])
    assert log_loss(some.truth, some.candidate) == pytest.approx(expected)


def test_log_loss_of_a_certain_mistake_is_finite() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert log_loss(np.array([0, 0]), p) == pytest.approx(-np.log(1e-12) / 2)


@pytest.mark.parametrize("bins", [2, 5, 10])
def test_calibration_error_equals_the_definition(bins: int) -> None:
    some = judged(200)
    confidence = some.candidate.max(axis=1)
    correct = some.candidate.argmax(axis=1) == some.truth
    expected = 0.0
    for at in range(bins):
        last = at == bins - 1
        inside = (confidence >= at / bins) & ((confidence < (at + 1) / bins) | last)
        if inside.any():
            gap = abs(confidence[inside].mean() - correct[inside].mean())
            expected += inside.mean() * gap
    found = expected_calibration_error(some.truth, some.candidate, bins)
    assert found == pytest.approx(expected)


def test_full_confidence_is_in_the_last_bin() -> None:
    p = np.array([[1.0, 0.0], [0.9, 0.1], [0.5, 0.5]])
    table = reliability(np.array([0, 1, 0]), p, 5)
    assert table["faces"].tolist() == [1, 2]
    assert table["confidence"].tolist() == pytest.approx([0.5, 0.95])
    assert table["accuracy"].tolist() == [1, 0.5]


def test_certain_and_right_is_perfectly_calibrated() -> None:
    assert expected_calibration_error(np.array([0, 1]), np.eye(2)) == 0
    table = reliability(np.array([0, 1]), np.eye(2))
    assert table.to_dict("records") == [{"confidence": 1.0, "accuracy": 1.0, "faces": 2}]


def test_per_class_equals_scikit_learns() -> None:
    some = judged()
    guess = some.candidate.argmax(axis=1)
    found = per_class(confusion_matrix(some.truth, guess, labels=range(3)), CLASSES)
    expected = precision_recall_fscore_support(some.truth, guess, labels=range(3), zero_division=0)
    for at, name in enumerate(CLASSES):
        one = found[name]
        assert [one.precision, one.recall, one.f1, one.n] == pytest.approx(
            [column[at] for column in expected]
        )


def test_plots_are_of_the_candidate() -> None:
    some = judged()
    points = plot_points(some, CLASSES)
    right = points["confusion"]["actual"] == points["confusion"]["predicted"]
    assert len(right) == 60
    assert right.mean() == pytest.approx((some.candidate.argmax(axis=1) == some.truth).mean())
    expected = reliability(some.truth, some.candidate)
    assert points["reliability"].equals(expected) and expected["faces"].sum() == 60
    assert points["per_class"]["class"].tolist() == CLASSES
    f1 = f1_score(some.truth, some.candidate.argmax(axis=1), average=None, labels=range(3))
    np.testing.assert_allclose(points["per_class"]["f1"], f1)


def test_a_crowd_beside_portraits_leaves_an_error_as_little_known_as_its_own() -> None:
    groups = np.array([0] * 30 + list(range(1, 31)))
    truth, said = np.zeros(60, int), np.arange(60) % 4 // 3
    counts = confusion_by_group(truth, said, groups, 3)
    (draws,) = bootstrap_confusions([counts], 100, np.random.default_rng(0))
    freedom = errors(draws, counts, np.random.default_rng(0))["accuracy"].freedom
    assert freedom == pytest.approx(60**2 / (30**2 + 30) - 1)
    alike = confusion_by_group(truth, said, np.arange(60), 3)
    assert errors(draws, alike, np.random.default_rng(0))["accuracy"].freedom == 59
