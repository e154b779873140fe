"""The jury: groups that are set aside by chance alone, and that no picker ever touches."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_sampling_stages import groups_of, sample

from benchmarks.jury import deal, make_pool, rounds
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import QUEUE_DIR, read_csv
from faceloop.base.tables import as_table
from faceloop.crops.face_table import read_batch
from faceloop.pool.open_faces import waits_to_judge
from faceloop.pool.queue import QUEUE
from faceloop.pool.reading import JURY_DIR, read_jury
from faceloop.sampling.jury import LEARNS, clusters_of, next_lots, set_aside
from faceloop.sampling.validation import stratified_sample
from stages import sample_jury, sample_relabel


def test_each_group_is_as_likely_in_each_lot_whatever_its_size() -> None:
    sizes = np.array([1] * 30 + [2] * 5 + [40])
    clusters, rng, deals = np.arange(36) % 3, np.random.default_rng(0), 4000
    lots = np.array([set_aside(sizes, clusters, 0.5, rng)[0] for _ in range(deals)])
    for lot in range(8):  # of 16 slots
        assert np.abs((lots == lot).mean(axis=0) - 1 / 16).max() < 0.02
    assert lots.max() == 7


def test_every_lot_has_its_share_of_crowds() -> None:
    sizes = np.repeat([1, 8], [160, 160])
    lots, strata = set_aside(sizes, np.zeros(320, int), 0.5, np.random.default_rng(0))
    for lot in range(16):
        assert (lots[:160] == lot).sum() == (lots[160:] == lot).sum() == 5
    assert sorted(np.unique(strata)) == list(range(10))


@pytest.mark.parametrize("n", range(6))
def test_of_a_few_groups_half_is_set_aside_rounded_up(n: int) -> None:
    lots, _ = set_aside(np.ones(n, int), np.zeros(n, int), 0.5, np.random.default_rng(0))
    assert (lots != LEARNS).sum() == (n + 1) // 2


def test_a_round_takes_an_eighth_of_the_lots_or_what_it_needs() -> None:
    lots = np.repeat([LEARNS, *range(3, 19)], 5)
    assert set(lots[next_lots(lots, 4)]) == {3, 4}
    assert set(lots[next_lots(lots, 11)]) == {3, 4, 5}
    assert set(lots[next_lots(lots, 1000)]) == set(range(3, 19))
    assert not next_lots(np.array([LEARNS]), 5).any()


def test_clusters_of_many_are_those_of_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).normal(size=(90, 4))
    points += np.repeat(np.eye(3, 4) * 50, 30, axis=0)
    monkeypatch.setattr("faceloop.sampling.jury.AT_A_TIME", 7)
    monkeypatch.setattr("faceloop.sampling.jury.CLUSTERS", 3)
    monkeypatch.setattr("faceloop.sampling.jury.MOST_CLUSTERED", 40)
    found = clusters_of(points, np.arange(90), np.random.default_rng(0)).reshape(3, 30)
    assert (found == found[:, :1]).all() and len(set(found[:, 0])) == 3


def test_lots_wait_behind_the_last_that_was_drawn_from() -> None:
    faces = pd.DataFrame({"group": list("abcdef")})
    lots = np.array([0, 1, 2, LEARNS, 3, LEARNS])
    rows = [("o00-i00", "a", 0.1), ("o01-i00", "b", 0.1), ("o01-i00", "d", np.nan)]
    columns = ["round", "group", "inclusion_probability"]
    table = pd.DataFrame(rows, columns=columns)
    assert waits_to_judge(lots, faces, table[:0]).tolist() == (lots >= 0).tolist()
    assert waits_to_judge(lots, faces, table).tolist() == (lots > 1).tolist()
    older = pd.DataFrame([("o02-i00", "e", 0.1), ("o02-i00", "f", 0.1)], columns=columns)
    both = pd.concat([table, older])
    assert waits_to_judge(lots, faces, both).tolist() == (lots > 1).tolist(), "not of the jury"
    other = pd.DataFrame([("o03-i00", "of another batch", 0.1)], columns=columns)
    assert waits_to_judge(lots, faces, other).tolist() == (lots >= 0).tolist()


def test_nothing_is_picked_from_the_jury_in_any_round(project: Any) -> None:
    """Picks and doubts come from elsewhere, and each round is judged by lots of its own."""
    project.add_batch("pool", photos=60, per_photo=2)
    faces = read_batch("pool")
    lot_of = dict(zip(faces["group"], read_jury("pool", 120)["lot"], strict=True))
    used = -1
    for at in range(3):
        parts = sample(project)
        sample_relabel.main()
        lots = {lot_of[group] for group in groups_of(parts["validation"])}
        assert len(parts["validation"]) == 6 and min(lots) == used + 1
        asked = [*parts.values(), read_csv(QUEUE_DIR / "relabel.csv", QUEUE)]
        for queue in asked[1:]:
            assert max((lot_of[group] for group in groups_of(queue)), default=-1) <= used
        used, name = max(lots), f"o00-i0{at}"
        project.set({"rounds.candidate": name})
        queue = pd.concat([parts["validation"], parts["diverse"]])
        project.write_table(as_table(queue, QUEUE), project.queue(name))
        project.vote_truly(name)


def test_the_jury_hangs_on_seed_and_batch_alone(project: Any) -> None:
    ids = project.add_batch("pool", photos=40)
    first = (JURY_DIR / "pool.parquet").read_bytes()
    project.add_queue("o00-i00", ids[:9], validation=3)
    project.vote_truly("o00-i00")
    sample(project)
    assert (JURY_DIR / "pool.parquet").read_bytes() == first
    project.set({"seed": 8})
    sample_jury.main("pool")
    assert (JURY_DIR / "pool.parquet").read_bytes() != first


def test_a_jury_of_other_faces_is_refused(project: Any) -> None:
    project.add_batch("pool", photos=4)
    with pytest.raises(FaceloopError, match="5 faces and its jury 4: run 'dvc repro'"):
        read_jury("pool", 5)


def test_of_a_long_track_a_few_faces_are_drawn() -> None:
    tracks = np.repeat(np.arange(10), 24)
    for seed in range(20):
        drawn = stratified_sample(tracks * 0, tracks, 20, np.random.default_rng(seed))
        assert np.bincount(tracks[drawn], minlength=10).tolist() == [2] * 10


@pytest.mark.parametrize("by_jury", [True, False])
def test_each_round_stands_for_a_batch_whose_crowds_are_unlike_portraits(by_jury: bool) -> None:
    """Of 100 pools: accuracy and a rare class's share; by unseen photos both drift away."""
    rng, off = np.random.default_rng(0), []
    for _ in range(100):
        pool = make_pool(400, rng)
        told = np.column_stack([pool.p.argmax(axis=1) == pool.truth, pool.truth == 2])
        drawn = rounds(pool, *deal(pool, rng), by_jury, rng)
        off.append([told[rows].mean(axis=0) - told.mean(axis=0) for rows in drawn])
    mean, error = np.mean(off, axis=0), np.std(off, axis=0) / 10
    assert (np.abs(mean) < 4 * error).all() == by_jury
    assert by_jury or (mean[-1] > [0.1, 0.05]).all()
