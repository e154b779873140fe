"""The three sampling stages on a synthetic pool: exact sizes, nothing twice, nothing labelled."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import CLASSES

from faceloop.base.storage import QUEUE_DIR, read_csv
from faceloop.crops.face_table import read_batch
from faceloop.model import fit_head
from faceloop.model.head import p_columns
from faceloop.pool.features import read_predicted
from faceloop.pool.queue import QUEUE
from faceloop.pool.reading import read_jury
from faceloop.sampling.params import DIVERSITY
from faceloop.sampling.uncertainty import STRATEGIES
from stages import (
    merge_labels,
    sample_diverse,
    sample_jury,
    sample_uncertain,
    sample_validation,
    train,
)

SEED = "o00-i00"


def sample(project: Any) -> dict[str, pd.DataFrame]:
    """Run the stages from the labels to the queue and return its three parts."""
    sample_jury.main("pool")
    merge_labels.main()
    train.main()
    for stage in (sample_validation, sample_uncertain, sample_diverse):
        stage.main()
    parts = ("validation", "uncertain", "diverse")
    return {part: read_csv(QUEUE_DIR / f"{part}.csv", QUEUE) for part in parts}


@pytest.fixture
def pool(project: Any) -> Any:
    """50 photos of two faces, 10 copies; the first 10 faces labelled."""
    project.ids = project.add_batch("pool", photos=50, per_photo=2, copies=10)
    project.add_queue(SEED, project.ids[:10])
    project.vote_truly(SEED)
    return project


def groups_of(queue: pd.DataFrame) -> set[str]:
    faces = read_batch("pool")
    return set(faces.loc[faces["face_id"].isin(queue["face_id"]), "group"])


def test_sizes_are_those_asked_for(pool: Any) -> None:
    sizes = {name: len(queue) for name, queue in sample(pool).items()}
    assert sizes == {"validation": 6, "uncertain": 16, "diverse": 8}


@pytest.mark.parametrize(
    "strategy", ["article", "random", "power_margin/top", *(f"margin/{name}" for name in DIVERSITY)]
)
def test_no_queue_holds_a_face_twice_a_labelled_one_or_a_copy(pool: Any, strategy: str) -> None:
    pool.set({"strategy": strategy})
    faces = read_batch("pool")
    copies = set(faces.loc[faces["duplicate_of"].notna(), "face_id"])
    for queue in sample(pool).values():
        assert queue["face_id"].is_unique
        assert not set(queue["face_id"]) & (copies | set(pool.ids[:10]))


def test_the_validation_set_shares_no_photo_with_labels_or_with_the_rest(pool: Any) -> None:
    parts = sample(pool)
    judged = groups_of(parts["validation"])
    assert not judged & groups_of(parts["uncertain"])
    faces = read_batch("pool")
    assert not judged & set(faces.loc[faces["face_id"].isin(pool.ids[:10]), "group"])


def test_the_diverse_faces_are_among_the_uncertain(pool: Any) -> None:
    pool.set({"strategy": "article"})
    parts = sample(pool)
    assert set(parts["diverse"]["face_id"]) < set(parts["uncertain"]["face_id"])
    assert set(parts["diverse"]["reason"]) == {"centroid", "outlier", "random"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_uncertain_are_the_top_of_the_whole_pool(pool: Any, strategy: str) -> None:
    pool.set({"strategy": f"{strategy}/top"})
    parts = sample(pool)
    faces = read_batch("pool")
    p = read_predicted(SEED)
    waits = read_jury("pool", len(faces))["lot"] >= 0  # no lot was drawn from yet
    free = [
        (-STRATEGIES[strategy](p)[at].round(6), face_id)
        for at, face_id in enumerate(faces["face_id"])
        if pd.isna(faces["duplicate_of"][at]) and not waits[at] and face_id not in pool.ids[:10]
    ]
    # Copies of labelled faces are out through their originals.
    expected = {face_id for _, face_id in sorted(free)[:16]}
    assert set(parts["uncertain"]["face_id"]) == expected
    assert set(parts["uncertain"]["reason"]) == {strategy}


def test_what_the_model_says_travels_with_the_uncertain_and_ends_there(pool: Any) -> None:
    parts, columns = sample(pool), p_columns(CLASSES)
    told = pd.read_csv(QUEUE_DIR / "uncertain.csv").set_index("face_id")[columns]
    faces = read_batch("pool")
    here = faces["face_id"].isin(told.index)
    p = read_predicted(SEED)[here]
    np.testing.assert_allclose(told.loc[faces.loc[here, "face_id"]], p, atol=1e-6)
    assert len(parts["diverse"]) == 8
    assert list(pd.read_csv(QUEUE_DIR / "diverse.csv")) == list(QUEUE)


def test_article_is_entropy_and_then_40_40_20_of_clusters(pool: Any) -> None:
    pool.set({"strategy": "entropy/kmeans"})
    spelt_out = sample(pool)["diverse"]
    pool.set({"strategy": "article"})
    pd.testing.assert_frame_equal(sample(pool)["diverse"], spelt_out)


def test_a_strategy_may_look_at_what_is_labelled(pool: Any) -> None:
    pool.set({"strategy": "random/k_center"})
    before = sample(pool)["diverse"]["face_id"].tolist()
    pool.add_votes(SEED, "bob", dict.fromkeys(pool.ids[:8], "unsure"))  # those train no more
    assert sample(pool)["diverse"]["face_id"].tolist() != before


def test_the_first_queue_goes_by_the_cold_start(project: Any) -> None:
    project.add_batch("pool", photos=40)
    project.set({"strategy": "margin/badge"})
    assert set(sample(project)["diverse"]["reason"]) == {"typical"}


def test_random_does_not_look_at_the_model(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.set({"strategy": "random/top"})
    first = sample(pool)["uncertain"]["face_id"].tolist()
    monkeypatch.setattr(fit_head, "STRENGTHS", (1000.0,))
    assert sample(pool)["uncertain"]["face_id"].tolist() == first


def test_validation_rows_record_their_inclusion_probability(pool: Any) -> None:
    queue = sample(pool)["validation"]
    np.testing.assert_allclose(queue["inclusion_probability"], 6 / 100, atol=1e-6)
    assert set(queue["purpose"]) == {"validation"}


def test_queues_are_sorted_by_face_and_say_what_they_are_for(pool: Any) -> None:
    parts = sample(pool)
    for queue in parts.values():
        assert queue["face_id"].is_monotonic_increasing
    assert set(parts["diverse"]["purpose"]) == {"train"}
    assert parts["diverse"]["score"].notna().all()


def test_a_rerun_gives_the_same_bytes_and_another_seed_others(pool: Any) -> None:
    sample(pool)
    first = pool.snapshot()
    sample(pool)
    assert pool.snapshot() == first
    pool.set({"seed": 8})
    sample(pool)
    after = pool.snapshot()
    assert after["data/queue/validation.csv"] != first["data/queue/validation.csv"]


def test_a_cold_start_draws_a_queue_from_the_uniform_prior(project: Any) -> None:
    ids = project.add_batch("pool", photos=40)
    parts = sample(project)
    assert [len(one) for one in parts.values()] == [6, 16, 8]
    np.testing.assert_allclose(parts["uncertain"]["score"], 1, atol=1e-6)
    free = [one for one, lot in zip(ids, read_jury("pool", 40)["lot"], strict=True) if lot < 0]
    assert parts["uncertain"]["face_id"].tolist() == free[:16]  # all alike: ties go by face_id


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_a_tiny_pool_gives_what_it_has(project: Any, n: int) -> None:
    project.add_batch("pool", photos=n)
    parts = sample(project)
    validation, diverse = set(parts["validation"]["face_id"]), set(parts["diverse"]["face_id"])
    assert not validation & diverse
    assert len(validation) + len(diverse) == n
    assert len(validation) <= (n + 1) // 2


def test_an_exhausted_pool_gives_empty_queues(project: Any) -> None:
    ids = project.add_batch("pool", photos=6, copies=2)
    project.add_queue(SEED, ids[:6])
    project.vote_truly(SEED)
    assert [len(one) for one in sample(project).values()] == [0, 0, 0]


def test_faces_beside_the_over_fitting_set_are_never_asked_about(second_round: Any) -> None:
    labelled = pd.read_csv("data/labelled/o01-i00.csv")
    held_out = set(labelled.loc[labelled["split"] == "overfit", "group"])
    for part in ("validation", "uncertain", "diverse"):
        assert not groups_of(read_csv(QUEUE_DIR / f"{part}.csv", QUEUE)) & held_out
