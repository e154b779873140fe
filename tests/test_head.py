"""Training the head, against scikit-learn and against formulas written out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from faceloop.base.errors import FaceloopError
from faceloop.model import fit_head as fitting
from faceloop.model.fit_head import Fit, best_temperature
from faceloop.model.folds import grouped_folds
from faceloop.model.head import Head, class_codes, predict, softmax
from faceloop.model.head_files import read_head, write_head
from faceloop.model.params import Train

CLASSES = ["none", "glasses", "sunglasses"]


BALANCED = Train(head="logistic", class_weight="balanced")


def fit_head(*said: Any, strengths: list[float], train: Train = BALANCED) -> Fit:
    """Train on features, labels and groups, with these strengths and four folds."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fitting, "STRENGTHS", strengths)
        patched.setattr(fitting, "FOLDS", 4)
        return fitting.fit_head(*said, CLASSES, "mtcnn-onet", train, seed=3)


def data(n: int = 90, d: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three overlapping classes of very different size, about three faces a group."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, size=n, p=[0.7, 0.2, 0.1])
    features = rng.normal(size=(n, d)) * 3 + 4 * np.eye(3, d)[labels] + 10
    return features.astype(np.float32), labels, np.array([f"g{at // 3}" for at in range(n)])


def fitted(l2: float = 0.1, n: int = 90) -> Fit:
    return fit_head(*data(n), strengths=[l2])


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
@pytest.mark.parametrize("l2", [1.0, 0.1, 0.01])
def test_the_fit_equals_scikit_learns(l2: float, class_weight: str) -> None:
    features, labels, groups = data()
    train = Train(head="logistic", class_weight=class_weight)
    head = fit_head(features, labels, groups, strengths=[l2], train=train).head
    x = (features - features.mean(axis=0)) / features.std(axis=0)
    with_ones = np.hstack([x, np.ones((len(x), 1))])  # so that the bias is penalised too
    balanced = len(labels) / (3 * np.bincount(labels)[labels])
    weights = balanced if class_weight == "balanced" else np.ones(len(labels))
    reference = LogisticRegression(
        C=1 / (l2 * weights.sum()), fit_intercept=False, tol=1e-9, max_iter=9000
    ).fit(with_ones, labels, sample_weight=weights)
    np.testing.assert_allclose(head.weight.T, reference.coef_[:, :-1], atol=3e-5)
    np.testing.assert_allclose(head.bias, reference.coef_[:, -1], atol=3e-5)
    cold = softmax(np.log(predict(head, features)) * head.temperature)
    np.testing.assert_allclose(cold, reference.predict_proba(with_ones), atol=3e-5)


def test_predict_equals_standardising_and_multiplying() -> None:
    features, _, _ = data()
    head = fitted().head
    logits = ((features - head.mean) / head.scale) @ head.weight + head.bias
    e = np.exp(logits / head.temperature)
    np.testing.assert_allclose(predict(head, features), e / e.sum(axis=1, keepdims=True), rtol=1e-4)


def test_probabilities_add_up_to_1_even_for_far_off_features() -> None:
    p = predict(fitted().head, np.full((2, 6), 1e4, np.float32))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_float16_features_are_read_as_they_are() -> None:
    features = data()[0].astype(np.float16)
    head = fitted().head
    np.testing.assert_array_equal(predict(head, features), predict(head, features.astype("f4")))


def test_rows_are_predicted_alike_alone_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    features, head = data()[0], fitted().head
    whole = predict(head, features)
    monkeypatch.setattr("faceloop.model.head.BLOCK", 7)
    np.testing.assert_allclose(predict(head, features), whole, rtol=1e-5)


def test_no_label_gives_the_uniform_prior() -> None:
    fit = fit_head(
        np.zeros((0, 5), np.float32),
        np.array([], int),
        np.array([], str),
        strengths=[1.0, 0.1],
    )
    p = predict(fit.head, np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32))
    np.testing.assert_allclose(p, 1 / 3)
    assert len(fit.scores) == 0 and fit.head.temperature == 1 and len(fit.curve) == 1
    assert fit.out_of_fold.shape == (0, 3)


def test_a_class_without_example_gets_the_least_probability() -> None:
    features, labels, groups = data()
    two = labels < 2
    fit = fit_head(features[two], labels[two], groups[two], strengths=[0.01])
    p = predict(fit.head, features[two])
    assert np.isfinite(p).all() and p[:, 2].mean() < p[:, :2].mean(axis=0).min()


def test_one_class_alone_is_learnt_without_folds() -> None:
    features, _, groups = data(12)
    labels = np.zeros(12, int)
    fit = fit_head(features, labels, groups, strengths=[1.0, 0.1])
    assert len(fit.scores) == 0 and fit.head.l2 == 1.0
    assert (predict(fit.head, features).argmax(axis=1) == 0).all()


def test_one_face_is_enough() -> None:
    fit = fit_head(
        np.ones((1, 4), np.float32),
        np.array([1]),
        np.array(["g"]),
        strengths=[1.0],
    )
    assert predict(fit.head, np.ones((1, 4), np.float32)).argmax() == 1


def test_a_constant_feature_does_no_harm() -> None:
    features, labels, groups = data()
    features[:, 0] = 5
    fit = fit_head(features, labels, groups, strengths=[0.1])
    assert np.isfinite(fit.head.weight).all() and fit.head.scale[0] == 1


def test_classes_weigh_the_same_whatever_their_size() -> None:
    features, labels, groups = data(300)
    fit = fit_head(features, labels, groups, strengths=[0.01])
    guessed = predict(fit.head, features).argmax(axis=1)
    recall = [float((guessed[labels == c] == c).mean()) for c in range(3)]
    assert min(recall) > 0.6


def test_the_strength_with_the_least_held_out_loss_is_chosen() -> None:
    features, labels, groups = data()
    strengths = [10.0, 1.0, 0.1, 0.001]
    fit = fit_head(features, labels, groups, strengths=strengths)
    best = fit.scores.sort_values("log_loss")["l2"].iloc[0]
    assert fit.head.l2 == best and set(fit.scores["l2"]) == set(strengths)


def test_weaker_strengths_are_left_untried_once_the_loss_has_risen_twice() -> None:
    features, labels, groups = data()
    labels = np.random.default_rng(0).permutation(labels)  # nothing to learn: the strongest is best
    strengths = [10.0, 3.0, 1.0, 0.3, 0.1]
    fit = fit_head(features, labels, groups, strengths=strengths)
    assert fit.scores["l2"].tolist() == strengths[:3] and fit.head.l2 == 10.0


def test_a_loss_that_has_risen_but_once_is_followed_further() -> None:
    features, labels, groups = data()
    strengths = [10.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003]
    alone = [fit_head(features, labels, groups, strengths=[l2]).scores for l2 in strengths]
    losses = [float(one["log_loss"].iloc[0]) for one in alone]
    risen = [at for at in range(2, 7) if losses[at - 2] < losses[at - 1] < losses[at]]
    assert losses[1] < losses[0] and risen, "it falls, and then it rises"
    fit = fit_head(features, labels, groups, strengths=strengths)
    assert fit.scores["log_loss"].tolist() == losses[: risen[0] + 1]


def test_the_held_out_loss_weighs_only_classes_that_are_there() -> None:
    features, labels, groups = data()
    kept = labels < 2
    features, labels, groups = features[kept], labels[kept], groups[kept]
    fit = fit_head(features, labels, groups, strengths=[0.1])
    losses = -np.log(fit.out_of_fold[np.arange(len(labels)), labels])
    expected = np.mean([losses[labels == at].mean() for at in range(2)])
    assert fit.scores["log_loss"].iloc[0] == pytest.approx(expected, abs=2e-4)


def test_held_out_probabilities_equal_fitting_fold_by_fold() -> None:
    features, labels, groups = data()
    l2, fold_of = 0.1, grouped_folds(labels, groups, 4, seed=3)
    fit = fit_head(features, labels, groups, strengths=[l2])
    x = (features - features.mean(axis=0)) / features.std(axis=0)
    x = np.hstack([x, np.ones((len(x), 1))])
    weights = len(labels) / (3 * np.bincount(labels)[labels])
    losses = np.zeros(len(labels))
    for fold in np.unique(fold_of):
        inside = fold_of != fold
        model = LogisticRegression(
            C=1 / (l2 * weights[inside].sum()), fit_intercept=False, tol=1e-9, max_iter=9000
        ).fit(x[inside], labels[inside], sample_weight=weights[inside])
        warmed = model.predict_proba(x[~inside]) ** (1 / fit.head.temperature)
        p = warmed / warmed.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(fit.out_of_fold[~inside], p, atol=2e-5)
        losses[~inside] = -np.log(p[np.arange((~inside).sum()), labels[~inside]])
    expected = (weights * losses).mean()
    assert fit.scores["log_loss"].iloc[0] == pytest.approx(expected, abs=1e-4)


def test_the_temperature_has_the_least_log_loss() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(3000, 3))
    e = np.exp(true)
    labels = np.array([rng.choice(3, p=one / one.sum()) for one in e])

    def loss(temperature: float) -> float:
        z = np.exp(3 * true / temperature)
        return float(-np.log(z[np.arange(3000), labels] / z.sum(axis=1)).mean())

    found = best_temperature(3 * true, labels)
    assert found == pytest.approx(3, rel=0.1)
    assert loss(found) <= min(loss(t) for t in np.geomspace(0.05, 20, 200)) + 1e-6


def test_the_temperature_stays_within_its_limits() -> None:
    assert 0.05 <= best_temperature(np.eye(3), np.arange(3)) <= 20
    assert 0.05 <= best_temperature(np.eye(3) * 50, np.array([1, 2, 0])) <= 20.001


def test_the_loss_curve_falls() -> None:
    curve = fitted().curve
    assert curve["step"].tolist() == list(range(len(curve)))
    assert curve["loss"].is_monotonic_decreasing and curve["loss"].is_unique
    assert curve["loss"].iloc[0] == pytest.approx(np.log(3), abs=1e-6)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_head(fitted().head, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_head_comes_back_as_it_was(tmp_path: Path) -> None:
    head = fitted().head
    write_head(head, tmp_path / "head.safetensors")
    back = read_head(tmp_path / "head.safetensors")
    for name in ("weight", "bias", "mean", "scale"):
        np.testing.assert_array_equal(getattr(back, name), getattr(head, name))
        assert getattr(back, name).dtype == np.float32
    same = ("classes", "temperature", "l2", "embedder")
    assert [getattr(back, name) for name in same] == [getattr(head, name) for name in same]


def test_class_names_of_any_script_come_back(tmp_path: Path) -> None:
    zeros = np.zeros((2, 2), np.float32)
    head = Head(("Ñandú", "眼鏡"), zeros, zeros[0], zeros[0], zeros[0] + 1, 1.0, 1.0, "a.onnx")
    write_head(head, tmp_path / "head.safetensors")
    assert read_head(tmp_path / "head.safetensors").classes == ("Ñandú", "眼鏡")


def test_a_missing_or_damaged_head_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    with pytest.raises(FaceloopError, match="is not here: run 'dvc repro' or 'dvc pull'"):
        read_head(path)
    path.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    with pytest.raises(FaceloopError, match="no faceloop head"):
        read_head(path)
    write_head(fitted().head, path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(FaceloopError, match="no faceloop head"):
        read_head(path)


@pytest.mark.parametrize("places", [[], [2], [2, 0, 2]])
def test_labels_become_their_places_among_the_classes(places: list[int]) -> None:
    codes = class_codes(pd.Series([CLASSES[at] for at in places], dtype="str"), CLASSES)
    assert codes.tolist() == places and codes.dtype == np.int64


def test_a_label_that_is_no_class_has_no_place() -> None:
    with pytest.raises(ValueError, match="unsure"):
        class_codes(pd.Series(["none", "unsure"]), CLASSES)
