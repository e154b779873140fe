"""Dealing a queue out as evenly as the numbers allow; a face is answered by all it is dealt to."""

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceloop.labels.assignment import asked_of, assign_annotators, is_answered, missing_votes
from faceloop.labels.params import Label

PEOPLE = ["ana", "ben", "eva", "ida", "leo", "mia"]


def label(people: int, overlap: float = 0.2, validation_overlap: float = 1.0) -> Label:
    return Label(
        keys=[],
        annotators=PEOPLE[:people],
        overlap=overlap,
        validation_overlap=validation_overlap,
    )


def queue(train: int, validation: int = 0, relabel: int = 0) -> pd.DataFrame:
    purposes = ["train"] * train + ["validation"] * validation + ["relabel"] * relabel
    return pd.DataFrame({"asked_id": [f"f{n}" for n in range(len(purposes))], "purpose": purposes})


def dealt(rows: pd.DataFrame, settings: Label, seed: int = 1, **voted: Any) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [names.split() for names in assign_annotators(rows, settings, rng, voted)]


@pytest.mark.parametrize("people", [2, 3, 4, 5, 6])
@pytest.mark.parametrize(("train", "validation"), [(60, 60), (17, 0), (0, 13), (61, 7), (5, 3)])
def test_loads_and_pairs_differ_by_at_most_one(people: int, train: int, validation: int) -> None:
    for seed in range(5):
        teams = dealt(queue(train, validation), label(people), seed)
        loads = Counter({name: 0 for name in PEOPLE[:people]})
        pairs = Counter({pair: 0 for pair in combinations(PEOPLE[:people], 2)})
        for team in teams:
            loads.update(team)
            pairs.update([tuple(team)] if len(team) == 2 else [])
        assert max(loads.values()) - min(loads.values()) <= 1
        assert max(pairs.values()) - min(pairs.values()) <= 1


def test_the_shares_that_two_label_are_met_by_purpose() -> None:
    rows = queue(50, 30, 10)
    sizes = pd.Series([len(team) for team in dealt(rows, label(3, 0.3, 0.5))])
    assert (sizes[rows["purpose"] == "validation"] == 2).sum() == 15
    assert (sizes[rows["purpose"] != "validation"] == 2).sum() == 18
    assert set(sizes) == {1, 2}


def test_all_of_the_validation_set_is_labelled_by_two_different_people() -> None:
    teams = dealt(queue(0, 20), label(2))
    assert teams == [["ana", "ben"]] * 20


def test_the_same_seed_deals_the_same_and_another_another() -> None:
    first, again, other = (dealt(queue(40, 20), label(3), seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("people", [0, 1])
def test_nobody_is_assigned_with_fewer_than_two_people(people: int) -> None:
    assert dealt(queue(4, 4), label(people)) == [[]] * 8


def test_a_relabel_goes_to_somebody_who_has_not_voted_and_loads_stay_even() -> None:
    rows = queue(30, 0, 10)
    voted = {face: {"ana"} for face in rows["asked_id"]}
    teams = dealt(rows, label(3, overlap=0.0), **voted)
    assert all("ana" not in team for team in teams[30:])
    assert all(len(team) == 1 for team in teams)
    loads = Counter(name for team in teams for name in team)
    assert max(loads.values()) - min(loads.values()) <= 1


def test_a_relabel_that_everybody_voted_on_is_asked_all_the_same() -> None:
    rows = queue(0, 0, 1)
    assert len(dealt(rows, label(2, overlap=0.0), f0={"ana", "ben"})[0]) == 1


DEALT = pd.DataFrame({"asked_id": list("abcd"), "annotators": ["ana ben", "ana", "", "anabel"]})


def said(*votes: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(votes, columns=["asked_id", "annotator"])


def test_a_person_is_asked_what_is_theirs_or_anyones() -> None:
    assert asked_of(DEALT, "ana").tolist() == [True, True, True, False]
    assert asked_of(DEALT, "carl").tolist() == [False, False, True, False]


def test_a_face_is_answered_when_everybody_asked_has_voted() -> None:
    votes = said(("a", "ana"), ("b", "carl"), ("c", "carl"), ("d", "ana"))
    assert missing_votes(DEALT, votes).tolist() == [["ben"], ["ana"], [], ["anabel"]]
    assert is_answered(DEALT, votes).tolist() == [False, False, True, False]
    more = said(("a", "ana"), ("a", "ben"), ("b", "ana"), ("d", "anabel"))
    assert is_answered(DEALT, more).tolist() == [True, True, False, True]


def test_a_truth_table_stands_for_everybody() -> None:
    assert is_answered(DEALT, said(*[(face, "truth-2") for face in "abcd"])).all()


def test_an_empty_queue_is_dealt_and_answered() -> None:
    none = queue(0)
    assert dealt(none, label(2)) == []
    assert is_answered(none.assign(annotators=""), said()).tolist() == []
