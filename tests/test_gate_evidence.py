"""What a verdict may rest on: faces neither model has seen, and the whole batch, easy and hard."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from sklearn.metrics import cohen_kappa_score

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import read_csv, write_csv
from faceloop.commands.settings import read_settings
from faceloop.evaluation.comparison import PairedPredictions
from faceloop.evaluation.evaluation_figures import PredictionAgreement
from faceloop.evaluation.evidence import read_held_out, read_whole_batch
from faceloop.evaluation.held_out import WholeBatch, design_of, parts_of
from faceloop.evaluation.whole_batch import prediction_agreement, whole_batch_figures
from faceloop.model import head
from faceloop.model.head import Head
from faceloop.pool.labelled import LABELLED
from faceloop.statistics.figure_files import read_json
from faceloop.statistics.params import Intervals
from stages import eval_iteration, eval_overfit, gate

SETTINGS = Intervals(bootstrap=200, confidence=0.95)
FIRST = "o01-i00"


def edit_labelled(name: str, change: Any) -> None:
    path = f"data/labelled/{name}.csv"
    table = read_csv(path, LABELLED)
    change(table)
    write_csv(table, gate.LABELLED_DIR / f"{name}.csv")


@pytest.mark.parametrize("split", ["overfit", "validation"])
@pytest.mark.parametrize("model", ["o00-i00", FIRST])
@pytest.mark.parametrize("how", ["the face itself", "another face of its photo"])
def test_no_figure_comes_from_a_photo_that_a_model_was_trained_on(
    second_round: Any, split: str, model: str, how: str
) -> None:
    judged = read_csv(f"data/labelled/{FIRST}.csv", LABELLED)
    face = judged[judged["split"] == split].iloc[0]

    def leak(table: pd.DataFrame) -> None:
        trained = table.index[table["split"] == "train"][0]
        table.loc[trained, "group"] = face["group"]
        if how == "the face itself":
            table.loc[trained, "face_id"] = face["face_id"]

    edit_labelled(model, leak)
    stage = {"overfit": eval_overfit, "validation": eval_iteration}[split]
    with pytest.raises(FaceloopError, match=f"data/labelled/{model}.csv trains on a {split} face"):
        stage.main()


def test_weights_are_the_inverse_of_the_inclusion_probability(second_round: Any) -> None:
    def draw(table: pd.DataFrame) -> None:
        validation = table.index[table["split"] == "validation"]
        table.loc[validation, "inclusion_probability"] = 0.1
        table.loc[validation[:3], "inclusion_probability"] = 0.4
        table.loc[validation, "cluster"] = 2

    edit_labelled(FIRST, draw)
    found = read_held_out("validation", read_settings())
    assert found.weights is not None and found.strata is not None
    assert found.weights.mean() == pytest.approx(1)
    assert found.weights[3:] / found.weights[:1] == pytest.approx(4)
    assert read_held_out("overfit", read_settings()).weights is None


def test_faces_of_a_queue_without_probabilities_count_alike(second_round: Any) -> None:
    table = read_csv(gate.LABELLED_DIR / f"{FIRST}.csv", LABELLED)
    blank = table.assign(inclusion_probability=np.nan)
    write_csv(blank, gate.LABELLED_DIR / f"{FIRST}.csv")
    found = read_held_out("validation", read_settings())
    assert found.weights is None and found.strata is None


def test_of_the_whole_batch_what_chance_picked_counts(second_round: Any) -> None:
    batch = read_whole_batch(read_settings())
    labelled = read_csv(f"data/labelled/{FIRST}.csv", LABELLED)
    before = labelled[(labelled["round"] != FIRST) & (labelled["purpose"] == "validation")]
    assert len(batch.truth) == len(before) == 10, "ten more were picked"
    assert batch.faces == 80, "their two copies do not count"
    assert batch.groups.tolist() == before["group"].tolist() and (batch.weights == 1).all()
    assert batch.unlabelled.sum() == 80 - len(labelled)
    assert batch.trained.sum() == (before["split"] == "train").sum()
    assert not np.isnan(batch.out_of_fold[batch.trained]).any()


def test_unusable_answers_shrink_the_batch(second_round: Any) -> None:
    def unsure(table: pd.DataFrame) -> None:
        asked = (table["round"] == FIRST) & (table["purpose"] == "validation")
        table.loc[table.index[asked][:3], "label"] = "unsure"

    edit_labelled(FIRST, unsure)
    assert read_whole_batch(read_settings()).faces == pytest.approx(80 * 19 / 22)


def test_the_gate_tells_of_looks_whole_batch_and_agreement(second_round: Any) -> None:
    iteration = read_json(gate.METRICS_DIR / "iteration.json")
    figures = read_json(gate.METRICS_DIR / "gate.json")
    assert figures["looks"] == 2 and figures["without_gain"] in (0, 1)
    assert set(iteration["class_shares"]) == {"none", "glasses", "sunglasses"}
    assert iteration["whole_batch"]["known"] == 10 and iteration["whole_batch"]["rest"] == 70
    assert iteration["pool_agreement"]["faces"] == 36
    assert any("whole batch" in reason for reason in figures["reasons"])


HEAD = Head(
    ("a", "b"),
    np.eye(2, dtype=np.float32),
    *np.array([[0, 0], [0, 0], [1, 1]], "f4"),
    1.0,
    1.0,
    "-",
)


def batch_of(
    truth: np.ndarray, out_of_fold: np.ndarray, faces: float, **changes: Any
) -> WholeBatch:
    usual = {
        "groups": np.arange(1000, 1000 + len(truth)),
        "weights": np.ones(len(truth)),
        "strata": None,
        "features": np.zeros((len(truth), 2), np.float32),
        "trained": np.ones(len(truth), bool),
        "embeddings": np.zeros((0, 2)),
        "unlabelled": np.zeros(0, bool),
    }
    return WholeBatch(truth=truth, out_of_fold=out_of_fold, faces=faces, **(usual | changes))


def judged(right: int, wrong: int) -> PairedPredictions:
    p = np.eye(2)[[0] * right + [1] * wrong]
    return PairedPredictions(np.zeros(right + wrong, int), np.arange(right + wrong), p, p)


def test_every_face_that_chance_picked_counts_alike() -> None:
    """Of 40 earlier ones 20 are right, of 60 of this round all."""
    known = batch_of(np.zeros(40, int), np.eye(2)[[0] * 20 + [1] * 20], faces=400.0)
    found = whole_batch_figures(judged(60, 0), known, HEAD, SETTINGS, np.random.default_rng(0))
    assert found is not None and (found.known, found.rest, found.groups) == (40, 360, 100)
    assert found.accuracy.value == pytest.approx(0.8)
    expected = np.sqrt(0.8 * 0.2 / 99 * (1 - 100 / 400))
    assert found.accuracy.error == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("n", [1, 2, 4, 20])
def test_of_a_few_faces_all_right_a_rate_of_three_in_n_is_not_ruled_out(n: int) -> None:
    batch = batch_of(np.zeros(0, int), np.zeros((0, 2)), faces=40.0)
    found = whole_batch_figures(judged(n, 0), batch, HEAD, SETTINGS, np.random.default_rng(0))
    assert found is not None and (found.known, found.rest, found.groups) == (0, 40, n)
    assert found.accuracy.error == pytest.approx(1.5 / n * np.sqrt(1 - n / 40))
    t2 = t.ppf(0.975, max(n - 1, 1)) ** 2
    assert found.accuracy.value == found.accuracy.high == 1
    assert found.accuracy.low == pytest.approx(n / (n + t2))


def test_of_no_validation_face_there_is_no_figure_for_the_whole() -> None:
    known = batch_of(np.zeros(10, int), np.eye(2)[[0] * 10], faces=30.0)
    assert (
        whole_batch_figures(judged(0, 0), known, HEAD, SETTINGS, np.random.default_rng(0)) is None
    )


def test_faces_drawn_less_often_stand_for_more() -> None:
    drawn = pd.DataFrame({"inclusion_probability": [0.1, 0.2, 0.4], "cluster": [0, 1, 1]})
    found = design_of(drawn)
    assert found.weights == pytest.approx(np.array([4, 2, 1]) * 3 / 7)
    assert found.strata is not None and found.strata.tolist() == [0, 1, 1]
    assert design_of(drawn.assign(cluster=[0, np.nan, 1])).strata is None
    imported = drawn.assign(inclusion_probability=[0.1, np.nan, 0.4])
    for none in (imported, drawn[:0]):
        assert design_of(none) == (None, None)


def test_of_a_batch_random_faces_and_those_without_a_label_are_told() -> None:
    """b is a copy of a, i of e; of three random faces one is unsure; d was picked; e to h left."""
    faces = pd.DataFrame({"face_id": list("abcdefghi"), "duplicate_of": None})
    faces.loc[[1, 8], "duplicate_of"] = ["a", "e"]
    rows = [("a", 0, 0.1, "x"), ("b", 0, 0.1, "unsure"), ("c", 1, 0.1, "y"), ("d", 0, None, "x")]
    columns = ["face_id", "round", "inclusion_probability", "label"]
    labelled = pd.DataFrame(rows, columns=columns)
    labelled["round"] = "o00-i0" + labelled["round"].astype(str)
    known, of_class, unlabelled = parts_of(faces, labelled, "o00-i01", ["x", "y"])
    assert known["face_id"].tolist() == ["a"]
    assert of_class == pytest.approx(7 * 2 / 3)
    assert "".join(faces.loc[unlabelled, "face_id"]) == "efgh"
    of_copy = labelled.assign(face_id=["a", "b", "c", "i"])
    assert "".join(faces.loc[parts_of(faces, of_copy, "o00-i01", ["x"])[2], "face_id"]) == "dfgh"
    assert parts_of(faces, labelled[3:], "o00-i01", ["x", "y"]).faces == 0


def test_the_more_of_a_batch_is_drawn_the_surer_is_its_figure() -> None:
    truth, p = np.zeros(100, int), np.eye(2)[[0] * 80 + [1] * 20]
    widths = []
    for faces in (10_000.0, 320.0, 200.0):
        found = whole_batch_figures(
            judged(40, 20), batch_of(truth, p, faces), HEAD, SETTINGS, np.random.default_rng(0)
        )
        assert found is not None
        widths.append(found.accuracy.high - found.accuracy.low)
    assert widths[0] > 1.3 * widths[1] > 1.7 * widths[2]


def test_a_face_that_was_learnt_counts_only_as_its_fold_saw_it() -> None:
    """Features say b; out of fold a was said; a face that never trained is predicted anew."""
    truth = np.zeros(2, int)
    features = np.array([[0, 9], [0, 9]], np.float32)
    p = np.array([[1.0, 0.0], [np.nan, np.nan]])
    rng = np.random.default_rng(0)
    one = batch_of(truth, p, 20.0, features=features, trained=np.array([True, False]))
    found = whole_batch_figures(judged(2, 0), one, HEAD, SETTINGS, rng)
    assert found is not None and found.accuracy.value == pytest.approx(3 / 4)
    learnt = batch_of(truth, p, 20.0, features=features)
    assert whole_batch_figures(judged(2, 0), learnt, HEAD, SETTINGS, rng) is None


def test_agreement_is_cohens_kappa_on_the_unlabelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "BLOCK", 64)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 2)).astype(np.float32)
    mask = rng.random(200) < 0.7
    other = Head(HEAD.classes, np.array([[1, 0.4], [-0.3, 1]], "f4"), *[HEAD.bias] * 2, HEAD.scale,
                 1.0, 1.0, "-")  # fmt: skip
    batch = batch_of(np.zeros(0, int), np.zeros((0, 2)), 0.0, embeddings=points, unlabelled=mask)
    found = prediction_agreement(batch, HEAD, other)
    said = [(points[mask] @ one.weight).argmax(axis=1) for one in (HEAD, other)]
    assert found.faces == mask.sum()
    assert found.agreement == pytest.approx((said[0] == said[1]).mean())
    assert found.kappa == pytest.approx(cohen_kappa_score(*said))


def test_without_a_face_left_models_cannot_agree() -> None:
    empty = batch_of(np.zeros(0, int), np.zeros((0, 2)), 0.0)
    expected = PredictionAgreement(faces=0, agreement=None, kappa=None)
    assert prediction_agreement(empty, HEAD, HEAD) == expected


def test_two_that_say_one_class_of_all_have_settled() -> None:
    points, every = np.tile([[1, 0]], (9, 1)).astype(np.float32), np.ones(9, bool)
    batch = batch_of(np.zeros(0, int), np.zeros((0, 2)), 0.0, embeddings=points, unlabelled=every)
    assert prediction_agreement(batch, HEAD, HEAD).kappa == 1
