"""Suspicious labels: which are doubted, and which are never asked about again."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from cleanlab.rank import get_label_quality_scores

from faceloop.base.storage import (
    FACES_DIR,
    LABELLED_DIR,
    METRICS_DIR,
    QUEUE_DIR,
    read_csv,
    write_parquet,
)
from faceloop.commands.rounds.state import read_state
from faceloop.commands.settings import read_settings
from faceloop.crops.face_table import read_batch
from faceloop.pool.labelled import LABELLED
from faceloop.pool.queue import QUEUE
from faceloop.pool.splits import next_overfit_groups
from faceloop.sampling.label_errors import label_quality, may_be_asked_again, most_suspicious
from faceloop.statistics.figure_files import read_json
from stages import gate, merge_labels, sample_relabel, train

SEED, FIRST, SECOND = "o00-i00", "o01-i00", "o01-i01"


def test_quality_is_the_probability_of_the_given_label() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    labels = np.array([1, 2])
    np.testing.assert_allclose(label_quality(labels, p), [0.2, 0.8])
    np.testing.assert_allclose(
        label_quality(labels, p), get_label_quality_scores(labels, p, method="self_confidence")
    )
    assert len(label_quality(np.array([], dtype=int), np.empty((0, 3)))) == 0


def test_the_worst_come_first_and_ties_go_by_id() -> None:
    quality, ids = np.array([0.5, 0.1, 0.5, 0.9]), np.array(["d", "c", "a", "b"])
    assert most_suspicious(quality, ids, 3).tolist() == [1, 2, 0]
    assert most_suspicious(quality, ids, 9).tolist() == [1, 2, 0, 3]


def test_only_a_training_label_of_one_vote_may_be_doubted_once() -> None:
    rows = [("a", "g", "train", 1), ("b", "g", "train", 2), ("c", "g", "validation", 1)]
    rows += [("d", "g", "train", 1), ("e", "held out", "train", 1)]
    table = pd.DataFrame(rows, columns=["face_id", "group", "split", "votes"])
    found = may_be_asked_again(table, pd.Series(["d"]), {"held out"})
    assert found.tolist() == [True, False, False, False, False]
    assert len(may_be_asked_again(table[:0], pd.Series(["d"]), set())) == 0


def doubted() -> pd.DataFrame:
    sample_relabel.main()
    return read_csv(QUEUE_DIR / "relabel.csv", QUEUE)


def labelled() -> pd.DataFrame:
    return read_csv(LABELLED_DIR / f"{FIRST}.csv", LABELLED).set_index("face_id")


@pytest.fixture
def wrong(second_round: Any) -> Any:
    """The judged first round with two of its training labels wrong, in `flipped`."""
    table = labelled()
    held_out = next_overfit_groups(table, read_settings())
    free = table[(table["split"] == "train") & ~table["group"].isin(held_out)]
    second_round.flipped = free.index[free["round"] == FIRST][:2].tolist()
    truth = second_round.truth()
    queue = pd.read_csv(second_round.queue(FIRST), dtype=str)["face_id"]
    turned = {"none": "glasses", "glasses": "sunglasses", "sunglasses": "none"}
    votes = {one: truth[one] for one in queue}
    votes |= {one: turned[truth[one]] for one in second_round.flipped}
    second_round.add_votes(FIRST, "ana", votes)
    merge_labels.main()
    train.main()
    second_round.set({"sample_relabel.share": 0.25})
    return second_round


def test_wrong_labels_are_the_ones_doubted(wrong: Any) -> None:
    queue = doubted()
    assert set(queue["face_id"]) == set(wrong.flipped)
    assert set(queue["purpose"]) == {"relabel"} and set(queue["reason"]) == {"label_error"}
    assert queue["score"].between(0.5, 1).all()


@pytest.mark.parametrize(("share", "n"), [(0.0, 0), (0.1, 1), (0.5, 4)])
def test_as_many_are_asked_as_the_share_of_the_diverse_faces(
    wrong: Any, share: float, n: int
) -> None:
    wrong.set({"sample_relabel.share": share})
    assert len(read_csv(QUEUE_DIR / "diverse.csv", QUEUE)) == 8 and len(doubted()) == n


def test_what_judges_a_model_is_never_doubted(wrong: Any) -> None:
    wrong.set({"sample_relabel.share": 1.0})
    table, queue = labelled(), doubted()
    rows = table.loc[queue["face_id"]]
    assert len(rows) == 8 and set(rows["split"]) == {"train"}
    assert not set(rows["group"]) & next_overfit_groups(table, read_settings())


def test_a_face_that_two_people_saw_is_not_doubted(wrong: Any) -> None:
    one, other = wrong.flipped
    truth = wrong.truth()
    wrong.add_votes(FIRST, "ben", {one: labelled().loc[one, "label"]})
    merge_labels.main()
    train.main()
    asked = set(doubted()["face_id"])
    assert one not in asked and other in asked and truth[one] != labelled().loc[one, "label"]


def ask_again(project: Any, face: str) -> None:
    queue = pd.read_csv(project.queue(FIRST), dtype=str, keep_default_na=False)
    row = queue[queue["face_id"] == face].assign(purpose="relabel")
    (project.root / "labels" / SECOND).mkdir(exist_ok=True)
    project.write_table(row, project.queue(SECOND))
    project.set({"rounds.accepted": FIRST, "rounds.candidate": SECOND})


def test_a_face_is_asked_again_once(wrong: Any) -> None:
    one, other = wrong.flipped
    ask_again(wrong, one)
    wrong.add_votes(SECOND, "ana", {one: labelled().loc[one, "label"]})
    for stage in (merge_labels, train):
        stage.main()
    asked = set(doubted()["face_id"])
    assert one not in asked and other in asked


def test_a_face_that_was_doubted_keeps_all_its_votes_when_its_id_changes(wrong: Any) -> None:
    one = wrong.flipped[0]
    faces = read_batch("pool")
    faces["face_id"] = "new" + faces["face_id"].str[3:]
    write_parquet(faces, FACES_DIR / "pool.parquet")
    ask_again(wrong, one)
    queue = pd.read_csv(wrong.queue(SECOND), dtype=str, keep_default_na=False)
    new = "new" + one[3:]
    wrong.write_table(queue.assign(face_id=new), wrong.queue(SECOND))
    wrong.add_votes(SECOND, "ben", {new: wrong.truth()[new]})
    merge_labels.main()
    table = read_csv(LABELLED_DIR / f"{SECOND}.csv", LABELLED)
    row = table[table["face_id"] == new]
    assert row[["label", "votes", "round"]].to_numpy().tolist() == [["unresolved", 2, FIRST]]
    assert read_json(METRICS_DIR / "labels.json")["unplaced"] == 0


def test_a_second_opinion_that_differs_takes_the_face_out_of_training(wrong: Any) -> None:
    one = wrong.flipped[0]
    ask_again(wrong, one)
    wrong.add_votes(SECOND, "ben", {one: wrong.truth()[one]})
    merge_labels.main()
    row = read_csv(LABELLED_DIR / f"{SECOND}.csv", LABELLED).set_index("face_id").loc[one]
    assert (row["label"], row["split"], row["votes"]) == ("unresolved", "unused", 2)


def test_the_next_queue_holds_the_doubted_faces_like_any_other(wrong: Any) -> None:
    doubted()
    gate.main()
    drawn = read_state().drawn
    assert drawn is not None and drawn["purpose"].value_counts().to_dict() == {
        "train": 8,
        "validation": 6,
        "relabel": 2,
    }


def test_an_exhausted_pool_asks_nothing_again(wrong: Any) -> None:
    path = QUEUE_DIR / "diverse.csv"
    wrong.write_table(read_csv(path, QUEUE).head(0), path)
    assert doubted().empty


def test_without_a_label_nothing_is_doubted(seed: Any) -> None:
    assert doubted().empty
