"""Votes into one label a face."""

import sys
from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from faceloop.base.errors import FaceloopError
from faceloop.labels.votes import RIGHT_ANSWERS, dawid_skene, latest_votes, majority


def votes(*rows: tuple[str, str, str], round_name: str = "o00-i00") -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["face_id", "annotator", "label"], dtype="str")
    return table.assign(batch="pool", round=round_name, purpose="train")


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


def crowd(seed: int, skills: dict[str, float], shown: int) -> tuple[pd.DataFrame, list[str]]:
    """Return votes of `shown` people a face, and the truth of 120 faces."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(["a", "b", "unsure"], size=120, p=[0.5, 0.4, 0.1]).tolist()
    rows = [
        (f"f{at:03d}", str(person), label if rng.random() < skills[person] else str(other))
        for at, label in enumerate(truth)
        for person in rng.permutation(sorted(skills))[:shown]
        for other in [rng.choice([one for one in ("a", "b", "unsure") if one != label])]
    ]
    return votes(*rows), truth


def naive_posterior(table: pd.DataFrame, steps: int) -> dict[str, dict[str, float]]:
    """Dawid and Skene 1979, sum by sum, with RIGHT_ANSWERS known faces a label for everybody."""
    rows = table[["face_id", "annotator", "label", "purpose"]].to_numpy().tolist()
    people, labels = sorted({row[1] for row in rows}), sorted({row[2] for row in rows})
    known = {f"{label}{at}": label for label in labels for at in range(RIGHT_ANSWERS)}
    learnt = [tuple(row[:3]) for row in rows if row[3] != "relabel"]
    learnt += [(face, person, label) for face, label in known.items() for person in people]
    said: dict[str, list[tuple[str, str]]] = {}
    for face, person, label in learnt:
        said.setdefault(face, []).append((person, label))
    p = {
        face: {one: [label for _, label in some].count(one) / len(some) for one in labels}
        for face, some in said.items()
    }
    prior: dict[str, float] = {}
    error: dict[tuple[str, str, str], float] = {}

    def posterior(some: list[tuple[str, str]]) -> dict[str, float]:
        weight = dict(prior)
        for person, label in some:
            for one in labels:
                weight[one] *= error[person, label, one]
        return {one: weight[one] / sum(weight.values()) for one in labels}

    for step in range(steps + 1):
        for one in labels:
            prior[one] = sum(p[face][one] for face in said) / len(said)
            for person in people:
                counts = dict.fromkeys(labels, 0.0)
                for face, who, label in learnt:
                    counts[label] += p[face][one] * (who == person)
                for label in labels:
                    error[person, label, one] = max(counts[label], 1e-10) / sum(counts.values())
        if step < steps:
            p = {face: posterior(some) for face, some in said.items()}
            p |= {
                face: {one: float(one == label) for one in labels} for face, label in known.items()
            }
    asked = sorted({row[0] for row in rows})
    return {face: posterior([(r[1], r[2]) for r in rows if r[0] == face]) for face in asked}


@pytest.fixture
def crowd_kit() -> None:
    pytest.importorskip("crowdkit", reason="needs pip install 'faceloop[dawid-skene]'")


def test_dawid_skene_without_crowd_kit_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "crowdkit.aggregation", None)
    with pytest.raises(FaceloopError, match=r"faceloop\[dawid-skene\].*, or set it to majority"):
        dawid_skene(votes(("f", "p", "a")))


@pytest.mark.usefixtures("crowd_kit")
def test_dawid_skene_equals_the_slow_expectation_maximisation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, _ = crowd(0, {"p": 0.95, "q": 0.8, "r": 0.6}, shown=2)
    table.loc[table["face_id"] < "f010", "purpose"] = "relabel"
    monkeypatch.setattr("faceloop.labels.votes.EM_STEPS", 4)
    found = dawid_skene(table).set_index("face_id")
    for face, posterior in naive_posterior(table, steps=4).items():
        best = max(posterior, key=lambda one: posterior[one])
        assert found.loc[face, "confidence"] == pytest.approx(posterior[best], abs=1e-6)
        assert found.loc[face, "label"] in (best, "unresolved")


@pytest.mark.usefixtures("crowd_kit")
def test_dawid_skene_believes_the_better_of_two_who_disagree() -> None:
    table, truth = crowd(1, {"p": 0.97, "q": 0.9, "r": 0.55}, shown=2)
    right = [
        (aggregate(table)["label"].to_numpy() == truth).mean()
        for aggregate in (majority, dawid_skene)
    ]
    assert right[1] > right[0] + 0.1


@pytest.mark.usefixtures("crowd_kit")
@pytest.mark.parametrize("people", [["p"], ["p", "q", "r"]])
def test_without_overlap_dawid_skene_gives_each_face_its_own_vote(people: list[str]) -> None:
    labels = ["a"] * 20 + ["b"] * 5 + ["unsure", "not_a_face"]
    rows = [(f"f{at:02d}", people[at % len(people)], label) for at, label in enumerate(labels)]
    found = dawid_skene(votes(*rows))
    assert found["label"].tolist() == labels
    assert (found["confidence"] > 0.99).all()


@pytest.mark.usefixtures("crowd_kit")
def test_doubted_faces_do_not_teach_dawid_skene_whom_to_believe() -> None:
    first, _ = crowd(3, {"p": 0.9, "q": 0.8, "r": 0.7}, shown=2)
    new = [f"g{at:02d}" for at in range(30)]
    again = votes(*[(one, who, label) for one in new for who, label in (("p", "a"), ("q", "b"))])
    table = pd.concat([first, again.assign(purpose="relabel")])
    found = dawid_skene(table).set_index("face_id").drop(index=new)
    pd.testing.assert_frame_equal(found, dawid_skene(first).set_index("face_id"))


@pytest.mark.usefixtures("crowd_kit")
def test_an_even_split_of_two_alike_is_unresolved() -> None:
    found = dawid_skene(votes(("f", "p", "a"), ("f", "q", "b"), ("g", "p", "a"), ("h", "q", "b")))
    assert found.set_index("face_id")["label"].to_dict() == {"f": "unresolved", "g": "a", "h": "b"}


@pytest.mark.usefixtures("crowd_kit")
@pytest.mark.parametrize("draw", [1, 6])
def test_rounding_does_not_decide_between_two_who_are_equally_good(draw: int) -> None:
    """Each face comes again with people swapped and with labels swapped: one half, but for bits."""
    rng, other = np.random.default_rng(draw), {"a": "b", "b": "a"}
    rows = [("f", "p", "a"), ("f", "q", "b")]
    for face in range(int(rng.integers(1, 6))):
        one, two, three = (str(rng.choice(["a", "b"])) for _ in range(3))
        for at, (p, q) in enumerate([(one, two), (two, one)]):
            said = list(zip("pqr", (p, q, three), strict=True))
            rows += [(f"g{face}{at}", who, label) for who, label in said]
            rows += [(f"h{face}{at}", who, other[label]) for who, label in said]
    found = dawid_skene(votes(*rows)).set_index("face_id").loc["f"]
    assert found["confidence"] == pytest.approx(0.5, abs=1e-9)
    assert found["label"] == "unresolved"


@pytest.mark.usefixtures("crowd_kit")
def test_dawid_skene_keeps_the_columns_and_ignores_the_order_of_votes() -> None:
    table, _ = crowd(2, {"p": 0.9, "q": 0.7, "r": 0.7}, shown=2)
    found = dawid_skene(table)
    pd.testing.assert_frame_equal(found, dawid_skene(table.sample(frac=1, random_state=0)))
    same = ["batch", "face_id", "votes", "agreement"]
    pd.testing.assert_frame_equal(found[same], majority(table)[same])
    assert list(dawid_skene(votes())) == list(found) == list(majority(table))
