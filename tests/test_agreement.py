"""Agreement between people against slow, obvious formulas, and what the gate makes of it."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from faceloop.base.storage import METRICS_DIR, PLOTS_DIR
from faceloop.gate.label_verdict import labels_agree, require_agreement
from faceloop.gate.verdict import Judgement
from faceloop.labels.agreement import (
    Agreement,
    alpha_with_interval,
    blind_votes,
    measure_agreement,
    several_people,
)
from faceloop.labels.label_figures import AgreementFigures
from faceloop.statistics.estimates import Estimate
from faceloop.statistics.figure_files import read_json
from faceloop.statistics.params import Intervals
from stages import gate, merge_labels

SEED, FIRST = "o00-i00", "o01-i00"
SETTINGS = Intervals(bootstrap=500, confidence=0.95)


def placed(*rows: tuple[str, str, str], **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["face_id", "annotator", "label"], dtype="str")
    rest = {"batch": "b", "round": SEED, "mode": "page", "purpose": "train", "seconds": 1.0}
    return table.assign(asked_id=table["face_id"], **(rest | columns))


def crowd(seed: int = 0, faces: int = 60) -> pd.DataFrame:
    """Four people of some skill; each labels some of the faces."""
    rng = np.random.default_rng(seed)
    rows = []
    for face in range(faces):
        truth = rng.choice(list("abc"), p=[0.6, 0.3, 0.1])
        for person in rng.permutation(4)[: rng.integers(1, 5)]:
            label = truth if rng.random() < 0.8 else rng.choice(list("abc"))
            rows.append((f"f{face:03d}", f"p{person}", str(label)))
    return placed(*rows)


def measured(votes: pd.DataFrame, faces_a_group: int = 1) -> Agreement:
    faces = sorted(set(votes["face_id"]))
    groups = [f"g{at // faces_a_group}" for at in range(len(faces))]
    labelled = pd.DataFrame({"batch": "b", "face_id": faces, "group": groups}, dtype="str")
    return measure_agreement(labelled, votes, SETTINGS, np.random.default_rng(0))


def labels_by_face(votes: pd.DataFrame) -> list[dict[str, str]]:
    by_face = votes.groupby("face_id")
    faces = [dict(zip(rows["annotator"], rows["label"], strict=True)) for _, rows in by_face]
    return [labels for labels in faces if len(labels) > 1]


def coincidences_of(votes: pd.DataFrame) -> Counter[tuple[str, str]]:
    """Krippendorff 2011, section C: how often two labels meet on a face, vote by vote."""
    coincidences: Counter[tuple[str, str]] = Counter()
    for labels in labels_by_face(votes):
        for one, other in permutations(labels.values(), 2):
            coincidences[one, other] += 1 / (len(labels) - 1)
    return coincidences


def naive_alpha(coincidences: Mapping[tuple[str, str], float]) -> float:
    """Krippendorff 2011, section C, coincidence by coincidence."""
    totals: Counter[str] = Counter()
    for (one, _), share in coincidences.items():
        totals[one] += share
    n = sum(totals.values())
    observed = sum(share for (one, other), share in coincidences.items() if one != other)
    expected = sum(totals[one] * totals[other] for one, other in permutations(totals, 2))
    return 1 - (n - 1) * observed / expected


@pytest.mark.parametrize("seed", range(5))
def test_alpha_equals_the_coincidence_matrix(seed: int) -> None:
    votes = crowd(seed)
    assert measured(votes).figures.alpha.value == pytest.approx(naive_alpha(coincidences_of(votes)))


def test_alpha_equals_crowd_kits() -> None:
    needs = "needs pip install 'faceloop[dawid-skene]'"
    metrics = pytest.importorskip("crowdkit.metrics.data", reason=needs)
    votes = crowd()
    several = votes[votes.duplicated("face_id", keep=False)]
    answers = several.rename(columns={"face_id": "task", "annotator": "worker"})
    found = measured(votes).figures.alpha.value
    assert found == pytest.approx(metrics.alpha_krippendorff(answers))


def test_the_interval_of_alpha_is_that_of_drawn_groups() -> None:
    votes = crowd(faces=300)  # enough groups that the rule of three is not what widens it
    found = measured(votes, faces_a_group=3).figures.alpha
    faces = sorted(set(votes["face_id"]))
    parts = [votes[votes["face_id"].isin(faces[at : at + 3])] for at in range(0, len(faces), 3)]
    groups = [coincidences_of(part) for part in parts]  # of a draw they add up, face by face
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(1000):
        drawn: Counter[tuple[str, str]] = Counter()
        for at in rng.integers(len(groups), size=len(groups)):
            drawn.update(groups[at])
        draws.append(naive_alpha(drawn))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)


def test_a_few_faces_without_conflict_prove_little() -> None:
    few, many = (
        measured(
            placed(*[(f"f{at:03d}", who, "ab"[at % 2]) for at in range(n) for who in ("p", "q")])
        )
        for n in (6, 200)
    )
    assert few.figures.alpha.value == many.figures.alpha.value == 1
    assert few.figures.alpha.low < 0.1 and many.figures.alpha.low > 0.95


def test_kappa_of_each_pair_and_their_mean_by_faces() -> None:
    votes = crowd()
    figures = measured(votes).figures
    expected = {}
    for one, other in combinations(["p0", "p1", "p2", "p3"], 2):
        both = [face for face in labels_by_face(votes) if {one, other} <= set(face)]
        said = [face[one] for face in both], [face[other] for face in both]
        expected[f"{one} and {other}"] = (len(both), cohen_kappa_score(*said))
    found = {name: (pair.faces, pair.kappa) for name, pair in figures.pairs.items()}
    assert {name: n for name, (n, _) in found.items()} == {
        name: n for name, (n, _) in expected.items()
    }
    for name, (_, kappa) in expected.items():
        assert found[name][1] == pytest.approx(kappa)
    mean = sum(n * kappa for n, kappa in expected.values()) / sum(n for n, _ in expected.values())
    assert figures.kappa == pytest.approx(mean)


def test_two_who_give_all_faces_one_label_have_no_kappa() -> None:
    votes = placed(*[(face, who, "a") for face in "fgh" for who in "pq"])
    (pair,) = measured(votes).figures.pairs.values()
    assert (pair.faces, pair.agreement, pair.kappa) == (3, 1.0, None)


def test_nobody_agrees_with_themselves() -> None:
    votes = crowd()
    hits: dict[str, list[bool]] = {}
    for labels in labels_by_face(votes):
        for name, label in labels.items():
            others = [said for who, said in labels.items() if who != name]
            top = max(others.count(one) for one in others)
            winners = {one for one in others if others.count(one) == top}
            if len(winners) == 1:
                hits.setdefault(name, []).append(label in winners)
    found = measured(votes)
    for name, row in found.figures.annotators.items():
        assert row.compared == len(hits[name])
        assert row.agreement == pytest.approx(np.mean(hits[name]))
    assert found.annotators["annotator"].tolist() == sorted(hits)


def test_confused_labels_are_counted_by_pairs_of_votes() -> None:
    found = measured(
        placed(("f", "p", "a"), ("f", "q", "b"), ("g", "p", "b"), ("g", "q", "a"), ("h", "p", "c"))
    )
    assert found.figures.confused == {"a and b": 2}
    assert found.pairs.to_numpy().tolist() == [["a", "b"]] * 2 + [["b", "a"]] * 2


def test_each_persons_votes_and_median_seconds() -> None:
    votes = placed(("f", "p", "a"), ("g", "p", "b"), ("h", "p", "b"), ("f", "q", "a"))
    votes["seconds"] = [1.0, 2.0, 9.0, np.nan]
    people = measured(votes).figures.annotators
    assert (people["p"].votes, people["p"].median_seconds) == (3, 2.0)
    assert (people["q"].votes, people["q"].median_seconds) == (1, None)


def test_only_blind_independent_votes_that_found_their_face_count() -> None:
    votes = pd.concat(
        [
            placed(("f", "p", "a")),
            placed(("f", "q", "a"), mode="grid"),
            placed(("f", "r", "b"), purpose="relabel", round=FIRST),
            placed(("", "s", "b")),
            placed(("f", "p", "b"), round=FIRST),
        ]
    )
    blind = blind_votes(votes)
    assert blind[["face_id", "annotator", "label"]].to_numpy().tolist() == [["f", "p", "b"]]


def test_where_nothing_is_labelled_twice_nothing_is_claimed() -> None:
    for votes in (placed(), placed(("f", "p", "a"), ("g", "q", "b"))):
        figures = measured(votes).figures
        assert figures.alpha is None and figures.kappa is None
        assert (figures.faces, figures.pairs, figures.confused) == (0, {}, {})


def test_one_label_alone_has_no_alpha() -> None:
    votes = placed(("f", "p", "a"), ("f", "q", "a"))
    labelled = pd.DataFrame({"batch": "b", "face_id": ["f"], "group": "g"})
    ballots = several_people(blind_votes(votes), labelled)
    assert alpha_with_interval(ballots, SETTINGS, np.random.default_rng(0)) is None


# The gate


NOBODY = measured(placed()).figures


def agreed(value: float, low: float, high: float, n: int = 100) -> AgreementFigures:
    alpha = Estimate(value=value, low=low, high=high)
    return NOBODY.model_copy(update={"faces": n, "alpha": alpha})


def judged(verdict: Any, agreement: AgreementFigures, min_alpha: float | None = 0.6) -> Judgement:
    before = Judgement(verdict, ["why"], without_gain=0, more_labels=7)
    return require_agreement(before, agreement, min_alpha)


@pytest.mark.parametrize(
    ("agreement", "holds"),
    [
        (agreed(0.8, 0.7, 0.9), True),
        (agreed(0.7, 0.6, 0.8), True),
        (agreed(0.7, 0.5, 0.9), False),
        (agreed(0.5, 0.4, 0.59), False),
        (NOBODY, False),
    ],
)
@pytest.mark.parametrize("verdict", ["continue", "target_met", "stop", "undecided"])
def test_only_known_agreement_lets_a_round_go_on(
    agreement: AgreementFigures, holds: bool, verdict: str
) -> None:
    found = judged(verdict, agreement)
    expected = "undecided" if verdict in ("continue", "target_met") and not holds else verdict
    assert found.verdict == expected and len(found.reasons) == 2


def test_without_a_threshold_and_before_the_first_label_nothing_is_asked() -> None:
    low = agreed(0.1, 0.0, 0.2)
    assert judged("continue", low, None).reasons == judged("start", low).reasons == ["why"]


def test_the_reason_names_alpha_its_faces_and_the_remedy() -> None:
    assert labels_agree(agreed(0.5, 0.4, 0.59), 0.6)[1] == (
        "labels, n = 100 by several people: alpha 0.500 [0.400, 0.590]: people do not agree "
        "(below 0.6): sharpen labels/GUIDELINES.md and settle the conflicts"
    )
    assert "let two people label the same faces" in labels_agree(NOBODY, 0)[1]


def test_an_open_question_says_how_many_more_faces_would_tell() -> None:
    # Half the width is 0.2; to reach the gap of 0.1 it must halve: four times the faces.
    agrees, reason, more = labels_agree(agreed(0.7, 0.5, 0.9), 0.6)
    assert (agrees, more) == (False, 300) and "300 more such faces would tell" in reason
    assert judged("continue", agreed(0.7, 0.5, 0.9)).more_labels == 300


def test_the_gate_holds_back_a_round_whose_labels_one_person_gave(second_round: Any) -> None:
    gate.main()
    before = read_json(METRICS_DIR / "gate.json")
    second_round.set({"gate.min_alpha": 0.667})
    gate.main()
    after = read_json(METRICS_DIR / "gate.json")
    assert after["reasons"] == [
        *before["reasons"],
        "0 faces labelled by several people: no alpha to hold against 0.667; "
        "let two people label the same faces",
    ]
    assert after["verdict"] not in ("continue", "target_met")


def test_agreement_is_known_before_a_model_is_trained(project: Any) -> None:
    ids = project.add_batch("pool", photos=12)
    project.add_queue(SEED, ids)
    project.vote_truly(SEED)
    truth = project.truth()
    project.add_votes(SEED, "ben", {one: truth[one] for one in ids[:9]} | {ids[0]: "glasses"})
    merge_labels.main()
    blind = read_json(METRICS_DIR / "labels.json")["blind"]
    assert (blind["faces"], blind["groups"], blind["confused"]) == (9, 9, {"glasses and none": 1})
    assert blind["pairs"]["ana and ben"]["agreement"] == pytest.approx(8 / 9)
    assert len(pd.read_csv(PLOTS_DIR / "labels_pairs.csv")) == 18
    people = pd.read_csv(PLOTS_DIR / "labels_annotators.csv")
    assert people["annotator"].tolist() == ["ana", "ben"]
