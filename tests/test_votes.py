"""Votes into one label a face."""

from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from stages.core.votes import latest_votes, majority


def votes(*rows: tuple[str, str, str], round_name: str = "o00-i00") -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["face_id", "annotator", "label"], dtype="str")
    return table.assign(batch="pool", round=round_name)


def naive(labels: list[str]) -> tuple[str, float, int, float]:
    counts = Counter(labels)
    top = max(counts.values())
    winners = [label for label, n in counts.items() if n == top]
    pairs = list(combinations(labels, 2))
    agreement = sum(a == b for a, b in pairs) / len(pairs) if pairs else float("nan")
    label = winners[0] if len(winners) == 1 else "unresolved"
    return label, top / len(labels), len(labels), agreement


@pytest.mark.parametrize(
    "labels",
    [
        ["a"],
        ["a", "a"],
        ["a", "b"],
        ["a", "b", "b"],
        ["a", "a", "b", "b", "c"],
        ["a", "b", "c"],
        ["unsure", "unsure", "a"],
        ["not_a_face", "a", "not_a_face", "b"],
    ],
)
def test_majority_equals_counting(labels: list[str]) -> None:
    rows = [("f", f"p{at}", label) for at, label in enumerate(labels)]
    (row,) = majority(votes(*rows)).to_dict("records")
    label, confidence, n, agreement = naive(labels)
    assert (row["label"], row["votes"]) == (label, n)
    assert row["confidence"] == pytest.approx(confidence)
    np.testing.assert_allclose(row["agreement"], agreement)


def test_many_faces_equal_counting_one_by_one() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (f"f{face:02d}", f"p{person}", str(rng.choice(["a", "b", "c"])))
        for face in range(40)
        for person in range(rng.integers(1, 6))
    ]
    table = majority(votes(*rows)).set_index("face_id")
    for face in table.index:
        expected = naive([label for one, _, label in rows if one == face])
        found = table.loc[face, ["label", "confidence", "votes", "agreement"]]
        assert found["label"] == expected[0]
        np.testing.assert_allclose(found.iloc[1:].astype(float), expected[1:])


def test_the_order_of_votes_does_not_matter() -> None:
    some = votes(("f", "p", "a"), ("f", "q", "b"), ("g", "p", "b"), ("f", "r", "b"))
    pd.testing.assert_frame_equal(majority(some), majority(some.iloc[::-1]))


def test_no_vote_gives_an_empty_table_with_its_columns() -> None:
    table = majority(votes())
    assert len(table) == 0
    assert list(table) == ["batch", "face_id", "label", "confidence", "votes", "agreement"]


def test_a_later_rounds_vote_replaces_the_same_persons_earlier_one() -> None:
    both = pd.concat(
        [
            votes(("f", "p", "b"), round_name="o01-i00"),
            votes(("f", "p", "a"), ("f", "q", "a"), round_name="o00-i00"),
        ]
    )
    kept = latest_votes(both).set_index("annotator")["label"].to_dict()
    assert kept == {"p": "b", "q": "a"}


def test_the_same_face_id_in_two_batches_is_two_faces() -> None:
    both = pd.concat([votes(("f", "p", "a")), votes(("f", "p", "b")).assign(batch="other")])
    assert majority(latest_votes(both))["label"].tolist() == ["b", "a"]
