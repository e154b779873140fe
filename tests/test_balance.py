"""Balance of a batch: shares, columns, coverage, and what `faceloop next` does about it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceloop.balance.balance_figures import BalanceFigures, BatchFigures
from faceloop.balance.batch_balance import MIN_RANDOM, balance_of, coverage
from faceloop.balance.batch_faces import (
    BatchFaces,
    chance_weights,
    drawn_at_random,
    unseen_probabilities,
)
from faceloop.balance.class_shares import RandomLabels
from faceloop.balance.coverage import nearest_distance, typical_distance
from faceloop.balance.known_sources import read_sources
from faceloop.balance.params import Wanted
from faceloop.balance.targets import against_targets, target_verdict
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import METRICS_DIR
from faceloop.commands import cli
from faceloop.statistics.estimates import Estimate
from faceloop.statistics.figure_files import read_record
from faceloop.statistics.params import Intervals
from stages import balance

CLASSES = ["no", "yes"]
WANTED = Wanted(targets={}, tolerance=0.1, min_cell=5)
INTERVALS = Intervals(bootstrap=100, confidence=0.95)


def share(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (share(0.1, 0.05, 0.15), "skewed"),
        (share(0.8, 0.7, 0.9), "skewed"),
        (share(0.3, 0.15, 0.45), "open"),
        (share(0.33, 0.3, 0.36), "met"),
    ],
)
def test_skewed_and_met_hold_for_the_whole_interval(found: Estimate, verdict: str) -> None:
    (one,) = against_targets({"class": {"yes": found}}, 0.0, {"class": {"yes": 0.33}}, 0.1)
    assert one.verdict == verdict


def test_a_target_that_is_not_seen_at_all_is_missed_and_an_unknown_one_open() -> None:
    targets = {"country": {"fr": 0.5}, "class": {"yes": 0.5}}
    country, classes = against_targets({"country": {}, "class": None}, 0.02, targets, 0.1)
    assert (country.verdict, country.value) == ("skewed", None)
    assert classes.verdict == "open"


def batch(labels: list[str], country: list[str]) -> BatchFaces:
    """A batch whose unlabelled faces are `yes` for certain."""
    n = len(labels)
    groups = [f"photo-{at}" for at in range(n)]
    faces = pd.DataFrame({"group": groups, "label": labels, "country": country})
    looked_at = np.flatnonzero(faces["label"] == "")
    return BatchFaces(
        faces,
        looked_at,
        np.tile(np.eye(2, 4, dtype=np.float32)[1], (len(looked_at), 1)),
        np.tile([0.01, 0.99], (len(looked_at), 1)),
    )


SURE = RandomLabels(
    np.array([[0.99, 0.01], [0.01, 0.99]] * 200),
    np.array([0, 1] * 200),
    np.arange(400),
    np.ones(400),
)


def report(one: BatchFaces, by_chance: RandomLabels = SURE, **changes: Any) -> BalanceFigures:
    wanted = WANTED.model_copy(update=changes)
    labelled = np.eye(4, dtype=np.float32)[:1]
    rng = np.random.default_rng(0)
    about = BatchFigures(round="o00-i00", name="b", faces=40, labelled=0, near_duplicates=0.0)
    return balance_of(about, one, by_chance, labelled, ["country"], CLASSES, wanted, INTERVALS, rng)


def test_what_is_labelled_is_counted_and_the_rest_estimated() -> None:
    found = report(batch(["no"] * 10 + [""] * 30, ["fr"] * 40))
    assert found.pool["yes"].value == pytest.approx(1, abs=1e-6)
    assert found.batch["yes"].value == pytest.approx(0.75, abs=1e-6)
    assert found.batch["yes"].high == pytest.approx(0.75, abs=1e-6)


def test_columns_are_counted_and_small_cells_are_not_shown() -> None:
    found = report(batch([""] * 40, ["fr"] * 33 + ["de"] * 4 + [""] * 3))
    country = found.columns["country"]
    assert list(country.values) == ["fr"]
    assert country.values["fr"].faces == 33
    assert country.values["fr"].classes["yes"].value == pytest.approx(1, abs=1e-6)
    assert (country.withheld, country.unknown) == (1, 3)


def test_skew_is_told_in_words() -> None:
    targets = {"class": {"yes": 0.5}, "country": {"fr": 0.5, "de": 0.5}}
    found = report(batch([""] * 40, ["fr"] * 40), targets=targets)
    assert found.verdict == "skewed"
    assert "country fr 100 %, target 50 %: skewed" in found.reasons
    assert "country de under 12 %, target 50 %: skewed" in found.reasons
    assert found.reasons[0].startswith("yes 100 %")
    assert found.reasons[-1] == "100 % of the pool far from any label"


def test_without_enough_random_labels_no_class_share_is_told() -> None:
    few = RandomLabels(*(part[:2] for part in SURE))
    found = report(batch([""] * 40, ["fr"] * 40), few)
    assert found.batch is None and found.pool is None
    assert f"2 randomly drawn labels, {MIN_RANDOM} are needed" in found.reasons[0]
    assert found.columns["country"].values["fr"].faces == 40


def test_only_faces_that_chance_asked_about_calibrate() -> None:
    table = pd.DataFrame(
        {
            "round": ["o00-i00", "o00-i00", "o01-i00", "o00-i00"],
            "label": ["yes", "yes", "yes", "unsure"],
            "inclusion_probability": [0.1, None, 0.1, 0.1],
        }
    )
    assert list(drawn_at_random(table, CLASSES, ["o01-i00"]).index) == [0]


def test_weights_of_a_round_are_the_inverse_of_chance_and_one_on_average() -> None:
    rounds = ["o00-i00", "o00-i00", "o01-i00"]
    faces = pd.DataFrame({"round": rounds, "inclusion_probability": [0.1, 0.3, 0.5]})
    assert chance_weights(faces).tolist() == pytest.approx([1.5, 0.5, 1.0])


def test_a_trained_face_is_judged_by_a_model_that_did_not_see_it() -> None:
    table = pd.DataFrame(
        {
            "batch": "b",
            "round": "o00-i00",
            "inclusion_probability": [0.1, 0.3, 0.1],
            "face_id": ["x", "y", "z"],
            "split": ["train", "validation", "train"],
            "label": ["yes", "no", "no"],
            "group": ["1", "2", "3"],
        }
    )
    held_out = pd.DataFrame({"batch": ["b"], "face_id": ["x"], "p_no": [0.4], "p_yes": [0.6]})
    found = unseen_probabilities(table, np.full((3, 2), [0.0, 1.0]), held_out, CLASSES)
    np.testing.assert_array_equal(found.p, [[0.4, 0.6], [0.0, 1.0]])
    np.testing.assert_array_equal(found.labels, [1, 0])
    np.testing.assert_allclose(found.weights, chance_weights(table)[:2])


def test_distance_to_the_nearest_is_the_naive_one() -> None:
    rng = np.random.default_rng(0)
    faces, labelled = (
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (rng.normal(size=(n, 4)).astype(np.float32) for n in (30, 7))
    )
    naive = [min(1 - float(a @ b) for b in labelled) for a in faces]
    np.testing.assert_allclose(nearest_distance(faces, labelled), naive, atol=1e-5)


def test_typical_distance_is_within_clusters_and_not_between() -> None:
    rng = np.random.default_rng(0)
    x = np.eye(2, 8)[np.arange(100) % 2] + rng.normal(scale=0.02, size=(100, 8))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    assert 0 < typical_distance(x.astype(np.float32), 2, rng) < 0.02


def at_degrees(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.column_stack([np.cos(radians), np.sin(radians)]).astype(np.float32)


@pytest.mark.parametrize(
    ("degrees", "apart"), [((5,), 0), ((0, 20), 20), ((0, 10, 40), 30), ((7, 7, 7, 7), 0)]
)
def test_the_typical_distance_of_a_few_faces(degrees: tuple[float, ...], apart: float) -> None:
    """Of three, each beside the next, the median is the middle one."""
    for seed in range(5):
        found = typical_distance(at_degrees(*degrees), 1, np.random.default_rng(seed))
        assert found == pytest.approx(1 - np.cos(np.radians(apart)), abs=2e-6)


def test_far_is_further_than_the_typical_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    """30 degrees are typical: of 15, 25 and 55 from the labelled face, one is far."""
    known = pd.DataFrame({"group": list("abc"), "label": ""})
    some = BatchFaces(known, np.arange(3), at_degrees(0, 10, 40), np.zeros((3, 2)))
    monkeypatch.setattr("faceloop.balance.batch_balance.CLUSTERS", 1)
    found = coverage(some, at_degrees(-15), INTERVALS, np.random.default_rng(0))
    assert found is not None and found.far.value == pytest.approx(1 / 3)
    assert coverage(some, at_degrees(), INTERVALS, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.25, 0.75, "met"),
        (0.6, 0.7, "met"),
        (0.1, 0.6, "open"),
        (0.6, 0.9, "open"),
        (0.1, 0.25, "open"),
        (0.75, 0.9, "open"),
        (0.1, 0.24, "skewed"),
        (0.76, 0.9, "skewed"),
    ],
)
def test_an_interval_that_touches_the_tolerance_is_no_skew(
    low: float, high: float, verdict: str
) -> None:
    assert target_verdict(low, high, 0.5, 0.25) == verdict


def test_just_as_many_as_are_needed_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceloop.balance.batch_balance.MIN_RANDOM", 5)
    five = RandomLabels(*(part[:5] for part in SURE))
    found = report(batch([""] * 5 + ["no"] * 5, ["fr"] * 5 + ["de"] * 5), five)
    assert found.reason is None and found.batch is not None and found.pool is not None
    assert set(found.columns["country"].values) == {"fr", "de"}
    assert found.columns["country"].values["fr"].classes is not None
    four = RandomLabels(*(part[:4] for part in SURE))
    assert report(batch([""] * 40, ["fr"] * 40), four).batch is None
    assert report(batch([""] * 4, ["fr"] * 4)).batch is None


@pytest.mark.parametrize("n_groups", [1, 2, 4, 10])
def test_a_share_seen_in_few_photos_reaches_to_the_rule_of_three(n_groups: int) -> None:
    one = batch([""] * 20, ["fr"] * 20)
    found = report(one._replace(faces=one.faces.assign(group=np.arange(20) % n_groups)))
    assert found.pool is not None
    assert found.pool["yes"].low == pytest.approx(max(1 + np.log(0.05) / n_groups, 0), abs=1e-6)


# the stage and the commands


def figures() -> BalanceFigures:
    return read_record(BalanceFigures, METRICS_DIR / "balance.json")


def write_sources(project: Any, rows: list[str]) -> None:
    folder = project.root / "data/sources"
    folder.mkdir(exist_ok=True)
    (folder / "pool.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_the_stage_reports_the_pool(second_round: Any) -> None:
    found = figures()
    assert found.name == "pool"
    assert found.near_duplicates == pytest.approx(2 / 82, rel=1e-5)
    truth = pd.Series(second_round.truth()).value_counts(normalize=True)
    for name, one in found.batch.items():
        assert one.low - 0.05 <= truth[name] <= one.high + 0.05


def test_the_stage_takes_the_users_columns(second_round: Any) -> None:
    rows = [f"{at:03d}.jpg,{'fr' if at < 30 else 'de'}" for at in range(40)]
    write_sources(second_round, ["source,country", *rows])
    balance.main()
    values = figures().columns["country"].values
    assert values["fr"].share == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["file,country", "a.jpg,fr"], "no column 'source'"),
        (["source,class", "a.jpg,x"], "column 'class' is the pipeline's own"),
        (["source,country", "a.jpg,fr", "a.jpg,de"], "pool.csv:3: source 'a.jpg' stands twice"),
    ],
)
def test_a_table_of_sources_at_fault_is_refused(project: Any, rows: list[str], said: str) -> None:
    write_sources(project, rows)
    with pytest.raises(FaceloopError, match=said):
        read_sources("pool")


@pytest.fixture
def skewed(seed: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fresh batch whose sources are all of one country where two are wanted."""
    text = seed.params.read_text(encoding="utf-8")
    wanted = "  targets: {country: {fr: 0.5, de: 0.5}}"
    lines = [wanted if line.startswith("  targets:") else line for line in text.splitlines()]
    seed.params.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_sources(seed, ["source,country", *(f"{at:03d}.jpg,fr" for at in range(24))])
    balance.main()
    monkeypatch.setattr("faceloop.commands.rounds.next_round.stale_stages", lambda: [])
    return seed


def test_next_warns_of_a_skewed_batch(skewed: Any, capsys: Any) -> None:
    assert cli.main(["next"]) == 0
    assert "warning: batch pool is skewed: country fr 100 %" in capsys.readouterr().out


def test_next_refuses_a_skewed_batch_where_params_say_so(skewed: Any, capsys: Any) -> None:
    skewed.set({"balance.on_skew": "refuse"})
    assert cli.main(["next"]) == 2
    said = capsys.readouterr().err
    assert "batch pool is skewed" in said and "faceloop next --anyway" in said
    assert not skewed.queue("o00-i00").exists()
    assert cli.main(["next", "--anyway"]) == 0
    assert skewed.queue("o00-i00").exists()


def test_next_batch_looks_at_the_sources_before_any_face_is_found(
    skewed: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faceloop.commands.rounds.next_round.track_batch", lambda folder: None)
    folder = skewed.root / "data/raw/march"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"x")
    table = skewed.root / "data/sources/march.csv"
    table.write_text("source,country\na.jpg,fr\nc.jpg,fr\n", encoding="utf-8")
    assert cli.main(["next", "--batch", "march"]) == 2
    assert "march.csv:3: data/raw/march has no file 'c.jpg'" in capsys.readouterr().err
    table.write_text("source,country\na.jpg,fr\nb.jpg,fr\n", encoding="utf-8")
    assert cli.main(["next", "--batch", "march"]) == 0
    assert "country fr 100 %, target 50 %: skewed" in capsys.readouterr().out
