"""The head that learns from the pool: its members and their combination, against obvious code."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from faceloop.base.storage import LABELLED_DIR, METRICS_DIR, read_csv
from faceloop.model.combination import (
    PRIOR,
    combine,
    cross_entropy,
    fit_weights,
    log_softmax,
    smoothed,
)
from faceloop.model.discriminant import covariance_of, discriminant
from faceloop.model.fit_head import Fit, fit_head, folds_of
from faceloop.model.head import predict, softmax
from faceloop.model.head_files import read_head, write_head
from faceloop.model.params import Train
from faceloop.model.pool_head import MEMBERS, PoolFit, Surroundings, learn_from_pool
from faceloop.model.spreading import LEAST, STEPS, affinity, arrived, spread
from faceloop.model.student import ANONYMOUS, teach
from faceloop.neighbours.nearest import nearest
from faceloop.pool.features import read_predicted
from faceloop.pool.labelled import LABELLED
from faceloop.statistics.figure_files import read_json
from stages import train

CLASSES = ["a", "b", "c"]
TRAIN = Train(head="pool", class_weight="none")


class Faces(NamedTuple):
    features: np.ndarray
    labels: np.ndarray


def moons(n: int = 400, d: int = 12) -> Faces:
    """Return faces in three heaps that lie along curves, so that a plane does not part them."""
    rng = np.random.default_rng(0)
    labels, turn = np.arange(n) % 3, rng.uniform(0, np.pi, n)
    x = np.zeros((n, d))
    x[:, 0] = np.cos(turn + labels) + labels
    x[:, 1] = np.sin(turn + labels) * (1 - 2 * (labels == 1))
    x[:, 2] = 2
    return Faces(x + rng.normal(scale=0.15, size=(n, d)), labels)


def learn(data: Faces, known: np.ndarray, groups: np.ndarray | None = None) -> PoolFit:
    x, y = data.features[known], data.labels[known]
    groups = known if groups is None else groups
    logistic = fit_head(x, y, groups, CLASSES, "test", TRAIN, 3)
    graph = affinity(*nearest(data.features, np.random.default_rng(0)), len(data.features))
    around = Surroundings(data.features, graph, known)
    return learn_from_pool(logistic, x, y, folds_of(y, groups, 3), around, 3)


def test_the_discriminant_is_that_of_its_covariance() -> None:
    """Between classes as scikit-learn's, told the same means, shares and covariance."""
    data = moons()
    x, y = data.features, data.labels
    weight, bias = discriminant(x, y, 3, 0.0, None)
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y)
    far = np.abs(np.diff(x @ weight + bias, axis=1) - np.diff(theirs.decision_function(x), axis=1))
    assert far.max() < 0.15  # a pseudo-face a class, n - C for n


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_its_logits_are_gaussian_log_densities_and_shares(shrinkage: float) -> None:
    data = moons(90)
    x, y, towards = data.features, data.labels, covariance_of(data.features)
    weight, bias = discriminant(x, y, 4, shrinkage, towards)
    means = [np.vstack([x[y == at], x.mean(axis=0)]).mean(axis=0) for at in range(4)]
    about = x - np.array(means)[y]
    covariance = (1 - shrinkage) * about.T @ about / (len(x) - 4) + shrinkage * towards
    inverse, shares = np.linalg.inv(covariance), np.array([31, 31, 31, 1]) / 94
    one = x[5]
    far = [(one - mean) @ inverse @ (one - mean) for mean in means]
    logits = np.log(shares) - np.array(far) / 2
    np.testing.assert_allclose(softmax(one @ weight + bias), softmax(logits), rtol=1e-5)


def test_the_covariance_is_that_of_all_rows() -> None:
    x = moons(90).features
    np.testing.assert_allclose(covariance_of(x), np.cov(x.T, bias=True), atol=1e-12)
    assert covariance_of(x[:0]).tolist() == np.zeros((12, 12)).tolist()


def test_the_graph_is_symmetric_and_divided_by_both_degrees() -> None:
    faces, others = np.array([0, 0, 1, 2]), np.array([1, 2, 0, 3])
    graph = affinity(faces, others, np.array([0.5, 1.0, 0.5, -0.5]), 4).toarray()
    weights = np.zeros((4, 4))
    weights[0, 1] = weights[1, 0] = 0.5**3
    weights[0, 2] = weights[2, 0] = 1.0
    degree = np.maximum(weights.sum(axis=1), 1e-9)
    np.testing.assert_allclose(graph, weights / np.sqrt(np.outer(degree, degree)))


@pytest.mark.parametrize("alpha", [0.5, 0.8])
def test_labels_spread_as_in_the_closed_form(alpha: float) -> None:
    """Zhou et al.: (1 - a) (I - a S)^-1 Y, to which the steps converge."""
    data = moons(60)
    graph = affinity(*nearest(data.features, np.random.default_rng(0)), 60)
    rows = np.arange(12)
    (held,) = spread(graph, [(rows, data.labels[rows])], 3, alpha)
    source = np.zeros((60, 3))
    source[rows, data.labels[rows]] = 0.5  # four labels a class
    exact = (1 - alpha) * np.linalg.solve(np.eye(60) - alpha * graph.toarray(), source)
    np.testing.assert_allclose(held, exact, atol=2 * alpha ** (STEPS + 1))


def test_several_sources_spread_as_each_alone() -> None:
    data = moons(60)
    graph = affinity(*nearest(data.features, np.random.default_rng(0)), 60)
    sources = [(rows, data.labels[rows]) for rows in (np.arange(9), np.arange(20, 26))]
    both = spread(graph, sources, 3, 0.8)
    for at, source in enumerate(sources):
        np.testing.assert_allclose(both[at], spread(graph, [source], 3, 0.8)[0])


def test_where_nothing_arrives_all_classes_are_as_likely() -> None:
    np.testing.assert_allclose(arrived(np.zeros((1, 4))), np.log(0.25 + LEAST))


def test_smoothed_labels_are_probabilities_that_leave_room() -> None:
    found = smoothed(np.array([0, 2]), 3)
    np.testing.assert_allclose(found, [[0.75, 0.125, 0.125], [0.125, 0.125, 0.75]])


def members(seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities of four members, the last of which is wrong, and targets."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    logits = rng.normal(size=(4, n, 3))
    logits[:, np.arange(n), labels] += np.array([0.5, 1.0, 2.0, -2.0])[:, None]
    return np.array([log_softmax(one) for one in logits]), smoothed(labels, 3)


@pytest.mark.parametrize("seed", range(3))
def test_the_weights_are_those_of_least_loss(seed: int) -> None:
    said, targets = members(seed)
    first = np.eye(4)[0]

    def loss(weights: np.ndarray) -> float:
        fit = len(targets) * cross_entropy(combine(said, weights), targets)
        return fit + PRIOR * ((weights - first) ** 2).sum()

    best = minimize(loss, first, bounds=[(0, None)] * 4, method="L-BFGS-B", options={"ftol": 1e-15})
    found = fit_weights(said, targets)
    np.testing.assert_allclose(found, best.x, atol=2e-3)
    assert found[3] == 0 < found[2]


def test_few_labels_leave_the_first_member_as_it_is() -> None:
    said, targets = members(0, n=3)
    assert fit_weights(said, targets)[0] > 0.9
    assert fit_weights(said[:, :0], targets[:0]).tolist() == [1, 0, 0, 0]


def test_it_learns_what_a_plane_cannot_part() -> None:
    data, known = moons(), np.arange(60)
    found, rest = learn(data, known), np.arange(60, 400)
    right = [
        (p[rest].argmax(axis=1) == data.labels[rest]).mean()
        for p in (predict(found.logistic.head, data.features), found.p)
    ]
    assert right[1] > right[0] + 0.02
    assert set(found.weights) == set(MEMBERS) and found.weights["spreading"] > 0.1
    new = moons(800)
    student = predict(found.fit.head, new.features[400:]).argmax(axis=1)
    assert (student == new.labels[400:]).mean() > right[0]


def test_a_faces_own_group_says_nothing_of_it_while_it_is_held_out() -> None:
    """Each group is of one face six times with labels of chance: nothing is to be learnt."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(40, 12)), 6, axis=0) + rng.normal(scale=1e-3, size=(240, 12))
    labels, groups = np.repeat(rng.integers(0, 3, 40), 6), np.repeat(np.arange(40), 6)
    found = learn(Faces(x, labels), np.arange(240), groups)
    own = found.fit.out_of_fold[np.arange(240), labels]
    shares = np.bincount(labels) / 240
    assert -np.log(own).mean() > -0.8 * (shares * np.log(shares)).sum()


def test_the_order_of_faces_beside_the_labelled_ones_changes_hardly_anything() -> None:
    data = moons()
    turned = Faces(*(np.concatenate([each[:60], each[60:][::-1]]) for each in data))
    one, other = learn(data, np.arange(60)), learn(turned, np.arange(60))
    np.testing.assert_allclose(one.p[:60], other.p[:60], atol=1e-5)


def test_with_nothing_to_hold_out_the_logistic_head_stands_alone() -> None:
    data = moons()
    found = learn(data, np.array([0]))
    assert found.weights == {} and found.fit.head.hidden is None
    np.testing.assert_allclose(found.p, predict(found.fit.head, data.features), atol=1e-6)


def student_of(n: int) -> Fit:
    data = moons(n)
    targets = smoothed(data.labels, 3)
    return teach(data.features, targets, np.ones(n), CLASSES, "test", 0).head


def test_a_student_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    head = student_of(300)
    write_head(head, tmp_path / "head.safetensors")
    back, x = read_head(tmp_path / "head.safetensors"), moons(9).features
    for one, other in zip(back.hidden, head.hidden, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(predict(back, x), predict(head, x), rtol=1e-12)


def test_a_student_predicts_by_its_layers() -> None:
    head, x = student_of(300), moons(300).features
    standard = (x - head.mean) / head.scale
    units = np.maximum(standard @ head.hidden.weight + head.hidden.bias, 0)
    logits = standard @ head.weight + head.bias + units @ head.hidden.out
    np.testing.assert_allclose(predict(head, x), softmax(logits), atol=1e-6)
    assert (units > 0).any() and not (units > 0).all()


def test_no_hidden_unit_is_one_persons_face() -> None:
    head = student_of(300)
    assert head.hidden.weight.shape[1] <= 300 // ANONYMOUS
    x = moons(300).features
    towards = head.hidden.weight.T / head.scale
    centred = x - head.mean
    cosine = (towards @ centred.T) / np.outer(
        np.linalg.norm(towards, axis=1), np.linalg.norm(centred, axis=1)
    )
    assert cosine.max() < 0.999


@pytest.mark.parametrize("n", [1, 5, 25])
def test_a_student_of_few_faces_is_a_student(n: int) -> None:
    p = predict(student_of(n), moons(30).features)
    assert np.isfinite(p).all() and p.shape == (30, 3)


def test_the_stage_writes_what_the_combination_says_and_its_weights(second_round: Any) -> None:
    told = read_json(METRICS_DIR / "train.json")
    assert told["head"] == "pool" and set(told["weights"]) == set(MEMBERS)
    p = read_predicted("o01-i00")
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    second_round.set({"train.head": "logistic"})
    train.main()
    told = read_json(METRICS_DIR / "train.json")
    assert told["head"] == "logistic" and told["weights"] == {}


def test_labels_of_an_older_batch_are_joined_to_the_pools_graph(second_round: Any) -> None:
    second_round.add_batch("newer", photos=21)
    second_round.set({"batches": ["pool", "newer"]})
    train.main()
    p = read_predicted("o01-i00")
    right = p.argmax(axis=1) == np.arange(21) % 3
    assert p.shape == (21, 3) and right.mean() > 0.8


def test_no_held_out_label_reaches_a_model(second_round: Any) -> None:
    path = LABELLED_DIR / "o01-i00.csv"
    labelled = read_csv(path, LABELLED)
    judged = labelled["split"].isin(["validation", "overfit"])
    assert judged.any()
    train.main()
    before = second_round.snapshot()
    labelled.loc[judged, "label"] = "glasses"
    second_round.write_table(labelled, path)
    train.main()
    after = second_round.snapshot()
    assert {name for name in before if before[name] != after[name]} == {path.as_posix()}
