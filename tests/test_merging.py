"""Merging rounds of votes: nothing is lost, and what judges a model never trains it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceloop.base.errors import FaceloopError
from faceloop.base.rounds import next_round, outer_of, rounds_up_to
from faceloop.base.storage import FACES_DIR, write_parquet
from faceloop.commands.settings import read_settings
from faceloop.crops.face_table import read_batch, read_faces
from faceloop.labels.adjudication_files import read_rounds
from faceloop.labels.agreement import measure_agreement
from faceloop.labels.counting import count_labels
from faceloop.labels.label_figures import LabelFigures
from faceloop.labels.merging import merge_rounds
from faceloop.labels.vote_files import known_rounds
from faceloop.pool.splits import next_overfit_groups
from stages import merge_labels

SEED, FIRST, SECOND = "o00-i00", "o01-i00", "o01-i01"


def merged(round_name: str) -> tuple[pd.DataFrame, LabelFigures]:
    """Merge the rounds up to one as merge_labels does; return the table and the figures."""
    settings = read_settings()
    rounds = rounds_up_to(round_name, known_rounds(settings.rounds))
    said = read_rounds(rounds, settings.classes)
    faces = read_faces(settings.batches, said.queues)
    found = merge_rounds(*said, faces, round_name, settings)
    rng = np.random.default_rng(0)
    people = measure_agreement(found.labelled, found.placed, settings.intervals, rng)
    figures = count_labels(found, said.queues, people.figures, round_name, settings)
    return found.labelled, figures


def split_of(table: pd.DataFrame) -> dict[str, str]:
    return dict(zip(table["face_id"], table["split"], strict=True))


@pytest.fixture
def three_rounds(project: Any) -> Any:
    """Seed of 20 faces, then two rounds of 12 whose first 6 judge; 30 photos of two faces."""
    ids = project.add_batch("pool", photos=30, per_photo=2)
    project.set({"rounds.accepted": FIRST, "rounds.candidate": SECOND})
    for name, start, stop, validation in (
        (SEED, 0, 20, 0),
        (FIRST, 20, 32, 6),
        (SECOND, 32, 44, 6),
    ):
        project.add_queue(name, ids[start:stop], validation=validation)
        project.vote_truly(name)
    project.ids = ids
    return project


def test_a_round_merges_all_rounds_up_to_it(three_rounds: Any) -> None:
    assert [len(merged(name)[0]) for name in (SEED, FIRST, SECOND)] == [20, 32, 44]


def test_the_prior_has_no_label(three_rounds: Any) -> None:
    table, figures = merged("prior")
    assert len(table) == 0 and figures.votes == 0 and figures.agreement is None


def test_no_label_at_all_merges_to_an_empty_table(project: Any) -> None:
    project.add_batch("pool", photos=3)
    assert len(merged(SEED)[0]) == 0


def test_the_over_fitting_set_is_the_same_for_both_models_and_both_rounds(
    three_rounds: Any,
) -> None:
    overfit = []
    for accepted, candidate in ((SEED, FIRST), (FIRST, SECOND)):
        three_rounds.set({"rounds.accepted": accepted, "rounds.candidate": candidate})
        for name in (accepted, candidate):
            table, _ = merged(name)
            overfit.append(sorted(table.loc[table["split"] == "overfit", "face_id"]))
    assert overfit[0] and all(one == overfit[0] for one in overfit)
    assert set(overfit[0]) <= set(three_rounds.ids[:20])


def test_the_next_outer_iteration_draws_another_from_all_that_is_old(three_rounds: Any) -> None:
    before, _ = merged(SECOND)
    three_rounds.set({"rounds.accepted": SECOND, "rounds.candidate": "o02-i00"})
    after, _ = merged(SECOND)
    sets = [set(table.loc[table["split"] == "overfit", "face_id"]) for table in (before, after)]
    assert sets[0] != sets[1] and sets[1] - set(three_rounds.ids[:20])
    given_back = sets[0] - sets[1]
    assert given_back and all(split_of(after)[one] in ("train", "unused") for one in given_back)


def test_the_first_over_fitting_set_is_foreseen_while_the_seed_is_judged(three_rounds: Any) -> None:
    three_rounds.set({"rounds.accepted": "prior", "rounds.candidate": SEED})
    foreseen = next_overfit_groups(merged(SEED)[0], read_settings())
    three_rounds.set({"rounds.accepted": SEED, "rounds.candidate": FIRST})
    table, _ = merged(FIRST)
    assert foreseen == set(table.loc[table["split"] == "overfit", "group"]) != set()
    assert next_overfit_groups(table, read_settings()) == foreseen


def test_validation_faces_judge_their_round_and_train_the_next(three_rounds: Any) -> None:
    first, second = split_of(merged(FIRST)[0]), split_of(merged(SECOND)[0])
    mine, theirs = three_rounds.ids[20:26], three_rounds.ids[32:38]
    assert {first[one] for one in mine} == {"validation"}
    assert {second[one] for one in mine} == {"train"}
    assert {second[one] for one in theirs} == {"validation"}


def test_no_group_is_on_both_sides(three_rounds: Any) -> None:
    # A face of a validation photo is asked about for training too.
    three_rounds.add_queue(
        SECOND, [*three_rounds.ids[32:45:2], *three_rounds.ids[33:46:2]], validation=7
    )
    three_rounds.vote_truly(SECOND)
    table, _ = merged(SECOND)
    groups = {name: set(rows["group"]) for name, rows in table.groupby("split")}
    assert not groups["train"] & (groups["validation"] | groups["overfit"])
    assert not groups["validation"] & groups["overfit"]
    assert groups["unused"] == groups["validation"]


def test_a_rejected_round_leaves_training_and_keeps_its_votes(three_rounds: Any) -> None:
    changes = {"rounds.accepted": SEED, "rounds.candidate": SECOND, "rounds.rejected": [FIRST]}
    three_rounds.set(changes)
    table, figures = merged(SECOND)
    rejected = table[table["round"] == FIRST]
    assert len(rejected) == 12 and set(rejected["split"]) == {"unused"}
    assert figures.votes == 44 and figures.by_round[FIRST].votes == 12


def test_a_rejected_round_gives_nothing_to_the_over_fitting_set(three_rounds: Any) -> None:
    changes = {"rounds.accepted": FIRST, "rounds.candidate": "o02-i00", "rounds.rejected": [SECOND]}
    three_rounds.set(changes)
    tables = [merged(name)[0] for name in (FIRST, "o02-i00")]
    sets = [set(table.loc[table["split"] == "overfit", "face_id"]) for table in tables]
    assert sets[0] == sets[1] and sets[0] <= set(three_rounds.ids[:32])


def relabel(project: Any, face: str, round_name: str, label: str) -> None:
    """Ask about a face of the seed again, and have it answered."""
    queue = pd.read_csv(project.queue(round_name), dtype=str, keep_default_na=False)
    old = pd.read_csv(project.queue(SEED), dtype=str, keep_default_na=False)
    again = old[old["face_id"] == face].assign(purpose="relabel")
    project.write_table(pd.concat([queue, again]), project.queue(round_name))
    labels = project.truth()
    votes = {one: labels[one] for one in queue["face_id"]} | {face: label}
    project.add_votes(round_name, "ana", votes)


def test_a_relabel_in_a_rejected_round_does_not_train(three_rounds: Any) -> None:
    face = three_rounds.ids[0]
    relabel(three_rounds, face, FIRST, "sunglasses")
    three_rounds.set({"rounds.accepted": SEED, "rounds.rejected": [FIRST]})
    table = merged(SECOND)[0].set_index("face_id")
    assert (table.loc[face, "label"], table.loc[face, "round"]) == ("none", SEED)


def test_a_relabel_after_a_rejected_round_brings_a_face_back(three_rounds: Any) -> None:
    face = three_rounds.ids[0]
    relabel(three_rounds, face, SECOND, "sunglasses")
    three_rounds.set({"rounds.accepted": FIRST, "rounds.rejected": [SEED]})
    row = merged(SECOND)[0].set_index("face_id").loc[face]
    assert (row["label"], row["round"], row["split"]) == ("sunglasses", SECOND, "train")


def test_a_relabelled_face_takes_its_last_label_and_stays_one_face(three_rounds: Any) -> None:
    face = three_rounds.ids[0]
    relabel(three_rounds, face, SECOND, "sunglasses")
    before, after = merged(FIRST)[0], merged(SECOND)[0]
    rows = after[after["face_id"] == face]
    assert len(rows) == 1 and rows["label"].item() == "sunglasses" and rows["round"].item() == SEED
    assert before.loc[before["face_id"] == face, "label"].item() == "none"


def test_several_people_make_a_majority_and_agreement(three_rounds: Any) -> None:
    one, two = three_rounds.ids[0], three_rounds.ids[1]
    three_rounds.add_votes(SEED, "ben", {one: "glasses", two: "glasses"})
    three_rounds.add_votes(SEED, "eva", {two: "none"})
    table, figures = merged(SEED)
    table = table.set_index("face_id")
    assert (table.loc[one, "label"], table.loc[one, "split"]) == ("unresolved", "unused")
    assert table.loc[two, "label"] == "glasses"
    assert table.loc[two, "confidence"] == pytest.approx(2 / 3)
    assert (figures.annotators, figures.unresolved) == (3, 1)
    assert figures.faces_with_several_votes == 2
    assert figures.agreement == pytest.approx((0 + 1 / 3) / 2)


def test_unsure_and_no_face_are_counted_and_not_learnt(three_rounds: Any) -> None:
    labels = three_rounds.truth()
    votes = {one: labels[one] for one in three_rounds.ids[2:20]}
    votes |= {three_rounds.ids[0]: "unsure", three_rounds.ids[1]: "not_a_face"}
    three_rounds.add_votes(SEED, "ana", votes)
    table, figures = merged(SEED)
    assert (figures.unsure, figures.not_a_face) == (1, 1)
    assert {split_of(table)[one] for one in three_rounds.ids[:2]} == {"unused"}


def extract_again(project: Any, shift: int, lose: tuple[int, ...] = ()) -> None:
    """Put other ids and slightly other boxes in the face table, as other hardware would."""
    faces = read_batch("pool")
    faces["face_id"] = "new" + faces["face_id"].str[3:]
    faces["x0"] += shift
    faces["x1"] += shift
    write_parquet(faces.drop(index=list(lose)), FACES_DIR / "pool.parquet")


def test_votes_outlive_a_re_extraction(three_rounds: Any) -> None:
    before, _ = merged(SECOND)
    extract_again(three_rounds, shift=4)
    after, figures = merged(SECOND)
    assert (figures.re_anchored, figures.unplaced) == (44, 0)
    assert after["face_id"].str.startswith("new").all()
    names = {
        "new" + one[3:]: label
        for one, label in zip(before["face_id"], before["label"], strict=True)
    }
    assert dict(zip(after["face_id"], after["label"], strict=True)) == names
    assert sorted(after["split"]) == sorted(before["split"])


def test_a_vote_whose_face_is_gone_is_counted_and_named(three_rounds: Any, capsys: Any) -> None:
    extract_again(three_rounds, shift=0, lose=(3, 21))
    merge_labels.main()
    table, figures = merged(SECOND)
    assert (figures.unplaced, figures.re_anchored) == (2, 42)
    assert len(table) == 42 and figures.votes == 44
    said = capsys.readouterr().out
    for at, name in ((3, SEED), (21, FIRST)):
        assert (
            f"labels/{name}/ana.csv: face {three_rounds.ids[at]} of pool is found no more" in said
        )
    assert figures.by_round[SEED].answered == 20


def test_a_vote_for_an_unknown_class_stops_the_stage(three_rounds: Any) -> None:
    three_rounds.add_votes(SEED, "ben", {three_rounds.ids[0]: "monocle"})
    with pytest.raises(FaceloopError, match=r"labels/o00-i00/ben\.csv:2: unknown class 'monocle'"):
        merge_labels.main()


def test_the_same_labels_give_the_same_bytes(three_rounds: Any) -> None:
    merge_labels.main()
    first = three_rounds.snapshot()
    merge_labels.main()
    assert three_rounds.snapshot() == first


def test_rounds_are_named_in_their_order() -> None:
    assert next_round("o00-i00", new_batch=False) == "o01-i00"
    assert next_round("o01-i00", new_batch=False) == "o01-i01"
    assert next_round("o01-i09", new_batch=False) == "o01-i10"
    assert next_round("o01-i03", new_batch=True) == "o02-i00"
    assert next_round("o09-i03", new_batch=True) == "o10-i00"
    assert (outer_of("o12-i03"), outer_of("prior")) == (12, -1)
    with pytest.raises(ValueError, match="'prior' is no round"):
        next_round("prior", new_batch=False)


def test_rounds_up_to_one_are_all_before_it() -> None:
    known = ["o01-i00", "o00-i00", "o02-i00", "o01-i10", "o01-i02"]
    assert rounds_up_to("o01-i10", known) == ["o00-i00", "o01-i00", "o01-i02", "o01-i10"]
    assert rounds_up_to("prior", known) == []


def test_a_hundredth_round_comes_after_the_ninety_ninth() -> None:
    assert rounds_up_to("o01-i100", ["o01-i99", "o01-i100"]) == ["o01-i99", "o01-i100"]
