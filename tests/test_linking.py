"""Near-duplicates across files: found by embedding, confirmed by crop, linked to the earliest."""

from typing import Any

import numpy as np
import pytest
from conftest import jpeg, lay_crops
from PIL import Image

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import (
    DUPLICATES_DIR,
    EMBEDDINGS_DIR,
    LABELLED_DIR,
    METRICS_DIR,
    QUEUE_DIR,
    read_csv,
    read_parquet,
    write_parquet,
)
from faceloop.base.tables import as_table
from faceloop.commands.settings import read_settings
from faceloop.crops.face_table import read_batch
from faceloop.crops.packs import encode_crop
from faceloop.duplicates import pairs
from faceloop.duplicates.linking import INNER_PX, SMALL_PX, likeness, link_copies
from faceloop.duplicates.pairs import NEAREST, Pairs, near_pairs
from faceloop.embedding.rows import write_array
from faceloop.neighbours import cells
from faceloop.pool.labelled import DUPLICATES, LABELLED
from faceloop.pool.open_faces import open_pool
from faceloop.pool.queue import QUEUE
from faceloop.pool.reading import read_distinct, read_pool
from faceloop.statistics.figure_files import read_json
from stages import eval_iteration, gate, link_duplicates, sample_validation


def unit(n: int, d: int = 16, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(n, d))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def pairs_of(features: np.ndarray, min_cosine: float) -> set[tuple[int, int]]:
    found = near_pairs(features, np.arange(len(features)), min_cosine, np.random.default_rng(1))
    return set(zip(found.earlier.tolist(), found.later.tolist(), strict=True))


def with_copies(n: int) -> np.ndarray:
    """Return n faces and behind them a near-copy of each."""
    first = unit(n, 32)
    copies = first + np.random.default_rng(9).normal(scale=0.01, size=first.shape)
    return np.vstack([first, copies / np.linalg.norm(copies, axis=1, keepdims=True)])


@pytest.fixture
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "LEAF", 32)
    monkeypatch.setattr(pairs, "BLOCK", 50)
    monkeypatch.setattr(cells, "LEAF", 32)
    monkeypatch.setattr(cells, "BRANCHES", 4)
    monkeypatch.setattr(cells, "BLOCK", 50)


def test_in_one_cell_each_face_is_paired_with_its_nearest_earlier_few() -> None:
    features = unit(60, d=3)
    cosine = features @ features.T
    expected = set()
    for later in range(60):
        near = sorted(range(later), key=lambda one: -cosine[later, one])[:NEAREST]
        expected |= {(one, later) for one in near if cosine[later, one] >= 0.7}
    assert pairs_of(features, 0.7) == expected


def test_near_copies_are_found_across_cells(small_cells: None) -> None:
    found = pairs_of(with_copies(400), 0.95)
    assert len({(at, at + 400) for at in range(400)} & found) >= 396
    assert all(later == earlier + 400 for earlier, later in found)


def test_faces_that_no_cell_can_part_are_compared_with_a_few_alone(small_cells: None) -> None:
    found = pairs_of(np.tile(unit(1), (500, 1)), 0.99)
    assert {later for _, later in found} == set(range(1, 500))
    assert max(earlier for earlier, _ in found) < 32
    assert len(found) <= NEAREST * 500


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_faces_make_no_pair(n: int) -> None:
    assert pairs_of(unit(2)[:n], 0.0) == set()


def test_of_faces_that_lie_as_near_the_earlier_ones_are_paired() -> None:
    alike = np.tile(unit(1), (7, 1))
    expected = {(earlier, later) for later in range(7) for earlier in range(min(later, NEAREST))}
    assert pairs_of(alike, 0.9) == expected


def picture(seed: int, side: int = SMALL_PX) -> np.ndarray:
    """Return smooth noise as uint8."""
    rough = np.random.default_rng(seed).integers(0, 256, (8, 8)).astype(np.uint8)
    return np.asarray(Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC))


def test_likeness_is_the_greatest_correlation_over_all_shifts() -> None:
    one, other = picture(0), picture(1)
    edge = (SMALL_PX - INNER_PX) // 2
    middle = one[edge : edge + INNER_PX, edge : edge + INNER_PX].ravel()
    shifts = range(SMALL_PX - INNER_PX + 1)
    expected = max(
        np.corrcoef(middle, other[y : y + INNER_PX, x : x + INNER_PX].ravel())[0, 1]
        for y in shifts
        for x in shifts
    )
    assert likeness(one, other) == pytest.approx(expected)


def test_a_shifted_picture_is_the_same_and_another_is_not() -> None:
    large = picture(3, SMALL_PX + 3)
    assert likeness(large[:SMALL_PX, :SMALL_PX], large[3:, 2 : SMALL_PX + 2]) > 0.999
    assert likeness(picture(3), picture(4)) < 0.9


def test_a_crop_of_one_colour_is_like_nothing() -> None:
    assert likeness(np.full((24, 24), 90, np.uint8), np.full((24, 24), 90, np.uint8)) == 0


def links_of(pairs: list[tuple[int, int]], crops: list[np.ndarray]) -> dict[int, int]:
    earlier, later = np.array(sorted(pairs, key=lambda pair: pair[1])).T
    links = link_copies(Pairs(earlier, later), np.array(crops), 0.96)
    return dict(zip(links.copies.tolist(), links.originals.tolist(), strict=True))


def test_copies_go_to_the_earliest_and_never_to_a_copy() -> None:
    one = picture(0)
    assert links_of([(0, 1), (1, 2), (2, 3), (0, 3)], [one] * 4) == {1: 0, 2: 0, 3: 0}


def test_a_likeness_of_just_the_least_is_a_copy() -> None:
    pair = Pairs(np.array([0]), np.array([1]))
    crops = np.array([picture(0), picture(0)])
    assert len(link_copies(pair, crops, 1.0).copies) == 1


def test_likeness_does_not_creep_along_a_chain() -> None:
    first, last = picture(0).astype(float), picture(1).astype(float)
    steps = [(first + share * (last - first)).astype(np.uint8) for share in np.linspace(0, 1, 6)]
    assert all(likeness(a, b) >= 0.9 for a, b in zip(steps, steps[1:], strict=False))
    found = links_of([(at, at + 1) for at in range(5)], steps)
    assert all(likeness(steps[one], steps[copy]) >= 0.96 for copy, one in found.items())
    assert 5 not in found


def test_near_faces_whose_crops_differ_are_not_linked() -> None:
    assert links_of([(0, 1), (0, 2), (1, 2)], [picture(0), picture(1), picture(0)]) == {2: 0}


@pytest.fixture
def twins(project: Any) -> Any:
    """12 photos that a weak embedder takes for one; the last is the first, cut anew."""
    project.ids = project.add_batch("pool", photos=12)
    write_array(np.tile(unit(1), (12, 1)), EMBEDDINGS_DIR / "pool.npy")
    crops = [Image.fromarray(picture(seed, 160)) for seed in range(11)]
    crops.append(crops[0].crop((3, 2, 158, 157)).resize((160, 160)))
    packed = {one: encode_crop(crop) for one, crop in zip(project.ids, crops, strict=True)}
    lay_crops(read_batch("pool"), packed)
    project.add_labelled("o00-i00")
    link_duplicates.main("pool")
    return project


def test_a_weak_embedder_links_only_what_crops_confirm(twins: Any) -> None:
    links = read_parquet(DUPLICATES_DIR / "pool.parquet")
    assert links[["face_id", "duplicate_of"]].to_numpy().tolist() == [[twins.ids[11], twins.ids[0]]]
    assert 0.96 <= links["similarity"][0] <= 1


def test_linking_again_writes_the_same_bytes(twins: Any) -> None:
    before = twins.snapshot()
    link_duplicates.main("pool")
    assert twins.snapshot() == before


def test_copies_within_a_source_are_left_to_the_face_table(project: Any) -> None:
    project.add_batch("pool", photos=3, copies=3)
    faces = read_batch("pool")
    ids, crop = faces["face_id"], encode_crop(Image.fromarray(picture(0, 160)))
    crops = {one: crop if one in ids[3:].tolist() else jpeg((9, 9, 9)) for one in ids}
    lay_crops(faces, crops)
    link_duplicates.main("pool")
    assert len(read_parquet(DUPLICATES_DIR / "pool.parquet")) == 0


def test_a_copy_of_a_linked_face_is_a_copy_of_its_original(project: Any) -> None:
    a, b, c, copy_of_a = project.add_batch("pool", photos=3, copies=1)
    rows = [{"face_id": a, "duplicate_of": c, "similarity": 1.0}]
    write_parquet(as_table(rows, DUPLICATES), DUPLICATES_DIR / "pool.parquet")
    faces = read_distinct("pool").set_index("face_id")["duplicate_of"]
    assert faces.dropna().to_dict() == {a: c, copy_of_a: c}


def test_a_linked_face_is_not_asked_and_its_label_settles_its_original(twins: Any) -> None:
    copy = twins.ids[11]
    sample_validation.main()
    assert copy not in set(read_csv(QUEUE_DIR / "validation.csv", QUEUE)["face_id"])
    twins.add_labelled("o00-i00", [{"face_id": copy, "group": "pool/011.jpg"}])
    faces, labelled = read_pool(read_settings())
    still_open = faces["face_id"][open_pool(faces, labelled, ()).open]
    assert still_open.tolist() == twins.ids[1:11]


def test_gate_and_whole_batch_count_a_linked_face_no_more(second_round: Any) -> None:
    left, faces = read_json(METRICS_DIR / "gate.json"), read_distinct("pool")
    agreed = read_json(METRICS_DIR / "iteration.json")["pool_agreement"]["faces"]
    labelled = read_csv(LABELLED_DIR / "o01-i00.csv", LABELLED)
    one, other = faces["face_id"][open_pool(faces, labelled, ()).open].iloc[-2:]
    rows = [{"face_id": other, "duplicate_of": one, "similarity": 1.0}]
    write_parquet(as_table(rows, DUPLICATES), DUPLICATES_DIR / "pool.parquet")
    eval_iteration.main()
    gate.main()
    assert read_json(METRICS_DIR / "gate.json")["pool_left"] == left["pool_left"] - 1
    again = read_json(METRICS_DIR / "iteration.json")
    assert again["pool_agreement"]["faces"] == agreed - 1


def test_without_its_links_a_pool_says_what_to_run(project: Any) -> None:
    project.add_batch("pool", photos=2)
    (DUPLICATES_DIR / "pool.parquet").unlink()
    with pytest.raises(FaceloopError, match="data/duplicates/pool.parquet is not here: run 'dvc"):
        read_distinct("pool")
