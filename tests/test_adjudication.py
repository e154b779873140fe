"""Settling what people disagree on: over all votes, never rewritten, in the round it belongs to."""

import threading
from typing import Any

import pandas as pd
import pytest
from test_merging import merged as merge_up_to

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR, write_parquet
from faceloop.base.tables import as_table
from faceloop.commands.journal import sole_writer
from faceloop.commands.rounds.history import read_conflicts
from faceloop.commands.rounds.state import read_state
from faceloop.crops.face_table import read_batch
from faceloop.labels.adjudication import adjudicate, disagreements, standing_decisions
from faceloop.labels.adjudication_files import (
    adjudication_path,
    read_adjudications,
    with_adjudications,
    write_adjudications,
)
from faceloop.labels.columns import ADJUDICATIONS
from faceloop.labels.label_figures import LabelFigures
from faceloop.labels.vote_files import read_votes
from stages import merge_labels

SEED, FIRST, SECOND = "o00-i00", "o01-i00", "o01-i01"
CLASSES = ["none", "glasses", "sunglasses"]
NOON = "2026-11-23T12:00:00+00:00"


def at(hour: int) -> str:
    return NOON.replace("T12", f"T{hour:02d}")


def settle(round_name: str, *rows: tuple[str, ...]) -> None:
    """Write rows of face, label and, at will, time, adjudicator and note."""
    blank = ("", "", f"{NOON}", "carl", "")
    full = [dict(zip(("asked_id", "label", "labelled_at", "adjudicator", "note"),
                     (*row, *blank[len(row):]), strict=True)) for row in rows]  # fmt: skip
    write_adjudications(round_name, as_table(full, ADJUDICATIONS))


def merged(round_name: str) -> tuple[pd.DataFrame, LabelFigures]:
    """Merge the rounds up to one; return the table by face, and the figures."""
    table, figures = merge_up_to(round_name)
    return table.set_index("face_id"), figures


@pytest.fixture
def rounds(project: Any) -> Any:
    """A seed of 20 faces and two rounds of 12; ben says otherwise of the first four of the seed."""
    ids = project.add_batch("pool", photos=30, per_photo=2)
    project.set({"rounds.accepted": FIRST, "rounds.candidate": SECOND})
    for name, start, stop, judge in ((SEED, 0, 20, 0), (FIRST, 20, 32, 6), (SECOND, 32, 44, 6)):
        project.add_queue(name, ids[start:stop], validation=judge)
        project.vote_truly(name)
    truth = project.truth()
    other = {one: CLASSES[(CLASSES.index(truth[one]) + 1) % 3] for one in ids}
    project.add_votes(SEED, "ben", {one: other[one] for one in ids[:4]})
    project.ids, project.labels, project.other = ids, truth, other
    return project


# The core


def votes(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["round", "face_id", "annotator", "label"])
    return table.assign(batch="pool")


def test_any_difference_is_a_disagreement_in_the_last_round_that_has_a_vote() -> None:
    found = disagreements(
        votes(
            (SEED, "a", "ana", "none"),
            (SECOND, "a", "ben", "glasses"),
            (SEED, "b", "ana", "none"),
            (SEED, "b", "ben", "none"),
            (SEED, "c", "ana", "none"),
            (SEED, "c", "ben", "none"),
            (SEED, "c", "eva", "unsure"),
            (SEED, "d", "ana", "none"),
        )
    )
    assert found["face_id"].tolist() == ["a", "c"] and found["round"].tolist() == [SECOND, SEED]
    assert found["labels"].tolist() == [["glasses", "none"], ["none", "unsure"]]
    assert found["annotators"].tolist() == [["ana", "ben"], ["ana", "ben", "eva"]]


def test_the_last_row_of_a_face_stands_by_the_clock_not_by_the_text() -> None:
    table = pd.DataFrame(
        {
            "batch": "pool",
            "face_id": ["a", "a", "b"],
            "label": ["late", "early", "only"],
            "labelled_at": [
                "2026-11-23T11:00:00+00:00",
                "2026-11-23T12:30:00+02:00",  # half past ten, UTC
                NOON,
            ],
        }
    )
    standing = standing_decisions(table).set_index("face_id")["label"]
    assert standing.to_dict() == {"a": "late", "b": "only"}


def test_a_decision_changes_label_and_confidence_and_nothing_else() -> None:
    labels = pd.DataFrame(
        {
            "batch": "pool",
            "face_id": ["a", "b"],
            "label": ["unresolved", "none"],
            "confidence": [0.5, 0.75],
            "votes": [2, 4],
            "agreement": [0.0, 0.5],
        }
    )
    decisions = pd.DataFrame({"batch": ["pool"], "face_id": ["a"], "label": ["glasses"]})
    after = adjudicate(labels, decisions)
    assert after["label"].tolist() == ["glasses", "none"]
    assert after["confidence"].tolist() == [1.0, 0.75]
    assert after[["votes", "agreement"]].equals(labels[["votes", "agreement"]])


# merge_labels


def test_an_adjudication_stands_over_all_votes(rounds: Any) -> None:
    one, two, three, four = rounds.ids[:4]
    before, figures = merged(SECOND)
    assert set(before.loc[rounds.ids[:4], "label"]) == {"unresolved"}
    assert (figures.conflicts_open, figures.adjudicated) == (4, 0)
    settle(SEED, (one, rounds.labels[one]), (two, "not_a_face"), (three, "unresolved"))
    after, figures = merged(SECOND)
    assert after.loc[one, "label"] == rounds.labels[one] and after.loc[one, "confidence"] == 1
    assert after.loc[one, "split"] in ("train", "overfit")
    assert after.loc[two, ["label", "split"]].tolist() == ["not_a_face", "unused"]
    assert after.loc[three, ["label", "split"]].tolist() == ["unresolved", "unused"]
    assert after.loc[four, "label"] == "unresolved"
    assert (figures.conflicts_open, figures.adjudicated, figures.unresolved) == (1, 3, 2)
    assert figures.adjudications == 3


def test_a_majority_can_be_overruled(rounds: Any) -> None:
    face = rounds.ids[0]
    rounds.add_votes(SEED, "eva", {face: rounds.labels[face]})
    assert merged(SEED)[0].loc[face, "label"] == rounds.labels[face]
    settle(SEED, (face, "sunglasses"))
    assert merged(SEED)[0].loc[face, "label"] == "sunglasses"


def test_a_correction_is_a_new_row(rounds: Any) -> None:
    face = rounds.ids[0]
    settle(SEED, (face, "none", at(11)), (face, "glasses", at(12), "eva"))
    table, figures = merged(SEED)
    assert table.loc[face, "label"] == "glasses"
    assert (figures.adjudications, figures.adjudicated) == (2, 1)


def overfit(project: Any, accepted: str, candidate: str) -> list[set[str]]:
    project.set({"rounds.accepted": accepted, "rounds.candidate": candidate})
    tables = [merged(name)[0] for name in (accepted, candidate)]
    return [set(table.index[table["split"] == "overfit"]) for table in tables]


def test_both_models_hold_out_the_same_over_fitting_set(rounds: Any) -> None:
    """An old face's adjudication lies in the old round's folder: both read it, or neither."""
    before = overfit(rounds, FIRST, SECOND)
    settle(SEED, *[(one, rounds.labels[one]) for one in rounds.ids[:4]])
    after = overfit(rounds, FIRST, SECOND)
    assert before[0] == before[1] != set() and after[0] == after[1] != set()
    assert overfit(rounds, SEED, FIRST) == after


def test_an_adjudication_of_a_new_conflict_about_an_old_face_is_the_candidates_alone(
    rounds: Any,
) -> None:
    face = rounds.ids[10]
    queue, old = (pd.read_csv(rounds.queue(name), dtype=str, keep_default_na=False)
                  for name in (SECOND, SEED))  # fmt: skip
    again = old[old["face_id"] == face].assign(purpose="relabel")
    rounds.write_table(pd.concat([queue, again]), rounds.queue(SECOND))
    rounds.add_votes(SECOND, "eva", {face: rounds.other[face]})
    rounds.vote_truly(SECOND)
    path = rounds.root / "labels" / SECOND / "ana.csv"
    path.write_text("".join(line for line in path.open() if face not in line))
    found = read_conflicts(read_state()).open.set_index("asked_id")
    assert found.loc[face, "round"] == SECOND
    settle(SECOND, (face, "sunglasses"))
    assert merged(FIRST)[0].loc[face, "label"] == rounds.labels[face]
    assert merged(SECOND)[0].loc[face, "label"] == "sunglasses"
    sets = overfit(rounds, FIRST, SECOND)
    groups = merged(SECOND)[0]["group"]
    assert {groups[one] for one in sets[0]} == {groups[one] for one in sets[1]}


def test_what_a_rejected_round_settles_counts_as_its_votes_do(rounds: Any) -> None:
    face = rounds.ids[20]
    rounds.add_votes(FIRST, "ben", {face: rounds.other[face]})
    settle(FIRST, (face, rounds.labels[face]))
    rounds.set({"rounds.accepted": SEED, "rounds.rejected": [FIRST]})
    table, _ = merged(SECOND)
    assert table.loc[face, ["label", "split"]].tolist() == [rounds.labels[face], "unused"]
    # Another round asks again: what the rejected one said of the face is out, all of it.
    queue, old = (pd.read_csv(rounds.queue(name), dtype=str, keep_default_na=False)
                  for name in (SECOND, FIRST))  # fmt: skip
    again = old[old["face_id"] == face].assign(purpose="relabel")
    rounds.write_table(pd.concat([queue, again]), rounds.queue(SECOND))
    rounds.add_votes(SECOND, "eva", {face: "sunglasses"})
    assert merged(SECOND)[0].loc[face, "label"] == "sunglasses"


def test_adjudications_outlive_a_re_extraction_and_none_is_lost_in_silence(
    rounds: Any, capsys: Any
) -> None:
    one, two = rounds.ids[:2]
    settle(SEED, (one, "sunglasses"), (two, "sunglasses"))
    faces = read_batch("pool")
    faces["face_id"] = "new" + faces["face_id"].str[3:]
    faces[["x0", "x1"]] += 4
    write_parquet(faces.drop(index=1), FACES_DIR / "pool.parquet")
    merge_labels.main()
    table, figures = merged(SECOND)
    assert table.loc["new" + one[3:], "label"] == "sunglasses"
    assert (figures.adjudicated, figures.adjudications_unplaced) == (1, 1)
    assert (
        f"labels/{SEED}/adjudication.csv: face {two} of pool is found no more"
        in capsys.readouterr().out
    )
    found = read_conflicts(read_state())
    assert set(found.every["asked_id"]) == set(rounds.ids[:4]) - {two}
    assert set(found.open["asked_id"]) == set(rounds.ids[2:4])
    assert found.open["face_id"].str.startswith("new").all()


# The file


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{0},monocle,carl,{1},", ["adjudication.csv:2: unknown class 'monocle'", "unresolved"]),
        ("zz,none,carl,{1},", ["adjudication.csv:2: unknown face 'zz'", "take the row out"]),
        ("{0},none,,{1},", ["adjudication.csv:2: '' cannot be an annotator's name"]),
        ("{0},none,carl,,", ["adjudication.csv:2: labelled_at ''", "2026-"]),
        ("{0},none,carl,2026-11-23T12:00:00,", ["labelled_at '2026-11-23T12:00:00'"]),
        ("{0},none,carl,{1},\n{0},glasses,eva,{1},", ["adjudication.csv:3", "row 2", "same time"]),
        ("{0},none,carl", ["adjudication.csv:2: 3 cells under 5 columns"]),
    ],
)
def test_a_wrong_row_stops_with_file_row_and_remedy(
    rounds: Any, row: str, words: list[str]
) -> None:
    head = "face_id,label,adjudicator,labelled_at,note\n"
    adjudication_path(SEED).write_text(head + row.format(rounds.ids[0], NOON) + "\n")
    with pytest.raises(FaceloopError) as error:
        merge_labels.main()
    for word in words:
        assert word in str(error.value)


def test_a_face_that_nobody_voted_on_cannot_be_settled(rounds: Any) -> None:
    rounds.add_votes(SEED, "ana", {})
    settle(SEED, (rounds.ids[10], "none"))
    with pytest.raises(FaceloopError, match="nobody voted on it in labels/o00-i00"):
        merge_labels.main()


def test_a_note_may_hold_anything_that_a_csv_can(rounds: Any) -> None:
    note = 'reflection, "not" a frame; é'
    settle(SEED, (rounds.ids[0], "none", NOON, "carl", note))
    read = read_adjudications(SEED, read_votes(SEED, CLASSES), CLASSES)
    assert read["note"].tolist() == [note]


def rows_of(face: str, label: str, by: str, time: str = NOON) -> pd.DataFrame:
    row = {"asked_id": face, "label": label, "adjudicator": by, "labelled_at": time, "note": ""}
    return as_table([row], ADJUDICATIONS)


def test_the_same_row_is_added_once_and_another_opinion_is_refused(rounds: Any) -> None:
    face = rounds.ids[0]
    for _ in range(2):
        table = with_adjudications(SEED, rows_of(face, "none", "carl"), CLASSES)
        write_adjudications(SEED, table)
    assert len(table) == 1
    assert len(with_adjudications(SEED, rows_of(face, "none", "eva"), CLASSES)) == 2
    before = adjudication_path(SEED).read_bytes()
    with pytest.raises(FaceloopError, match=r"is 'none' by carl there and 'glasses' by eva now"):
        with_adjudications(SEED, rows_of(face, "glasses", "eva", at(13)), CLASSES)
    assert adjudication_path(SEED).read_bytes() == before


def test_two_who_write_at_once_lose_no_row(rounds: Any) -> None:
    def write(name: str, faces: list[str]) -> None:
        for face in faces:
            with sole_writer("test"):
                new = rows_of(face, "none", name)
                write_adjudications(SEED, with_adjudications(SEED, new, CLASSES))

    people = {"carl": rounds.ids[0:20:2], "eva": rounds.ids[1:20:2]}
    threads = [threading.Thread(target=write, args=one) for one in people.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = read_adjudications(SEED, read_votes(SEED, CLASSES), CLASSES)
    assert table["asked_id"].tolist() == sorted(rounds.ids[:20])
    assert table["adjudicator"].value_counts().to_dict() == {"carl": 10, "eva": 10}
