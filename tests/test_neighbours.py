"""Each face's nearest neighbours, against comparing it with all."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from faceloop.neighbours import cells
from faceloop.neighbours import nearest as module
from faceloop.neighbours.cells import Reach
from faceloop.neighbours.nearest import Edges, nearest, nearest_of
from faceloop.pool.features import NEIGHBOURS_DIR, read_neighbours
from stages import neighbours


def around(n: int, centres: int = 20, d: int = 24) -> np.ndarray:
    """Return n points that lie in heaps, none of length 1."""
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(centres, d))
    points = heaps[np.arange(n) % centres] + rng.normal(scale=0.5, size=(n, d))
    return points.astype(np.float32)


def among_all(points: np.ndarray, k: int) -> set[tuple[int, int]]:
    unit = points.astype(float) / np.linalg.norm(points.astype(float), axis=1, keepdims=True)
    cosine = unit @ unit.T
    found = set()
    for at, row in enumerate(cosine):
        others = sorted((-value, other) for other, value in enumerate(row) if other != at)
        found |= {(at, other) for _, other in others[:k]}
    return found


def pairs(edges: Edges) -> set[tuple[int, int]]:
    return set(zip(edges.faces.tolist(), edges.neighbours.tolist(), strict=True))


@pytest.fixture
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (cells, module):
        monkeypatch.setattr(where, "LEAF", 40)
        monkeypatch.setattr(where, "BLOCK", 30)
    monkeypatch.setattr(cells, "BRANCHES", 4)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 200])
def test_in_one_cell_they_are_those_of_comparing_with_all(n: int) -> None:
    points = around(n)
    found = nearest(points, np.random.default_rng(1), 6)
    assert pairs(found) == among_all(points, 6) and len(found.faces) == n * min(6, max(n - 1, 0))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    cosine = (unit[found.faces] * unit[found.neighbours]).sum(axis=1)
    np.testing.assert_allclose(found.cosines, cosine, atol=1e-6)


def test_across_cells_nine_in_ten_are_found(small_cells: None) -> None:
    points = around(900)
    expected = among_all(points, 6)
    assert len(pairs(nearest(points, np.random.default_rng(1), 6)) & expected) > 0.9 * len(expected)


def test_every_face_is_at_home_in_one_cell_and_cells_are_small(small_cells: None) -> None:
    rows, points = np.arange(3, 703), around(703)
    reach = Reach(3, 0.05)
    homes = [home for home, _ in cells.cells(points, rows, reach, np.random.default_rng(0))]
    np.testing.assert_array_equal(np.sort(np.concatenate(homes)), rows)
    assert len(homes) > 10 and max(map(len, homes)) <= 40


def test_of_faces_that_lie_as_near_the_earlier_ones_count() -> None:
    found = nearest(np.ones((6, 4), np.float32), np.random.default_rng(0), 2)
    assert pairs(found) == {(0, 1), (0, 2), (1, 0), (1, 2)} | {
        (at, one) for at in range(2, 6) for one in (0, 1)
    }


def test_opposite_faces_keep_their_sign() -> None:
    found = nearest(np.array([[1.0, 0], [-1, 0], [0, 1]]), np.random.default_rng(0), 2)
    assert found.cosines.tolist() == [0, -1, 0, -1, 0, 0]


def test_a_few_points_are_compared_with_all(small_cells: None) -> None:
    points = around(200)
    both = np.vstack([points[:3], points[3:]])
    expected = {(at, other - 3) for at, other in among_all(both, 199) if at < 3 <= other}
    found = nearest_of(points[:3], points[3:], 197)
    assert pairs(found) == expected
    assert len(nearest_of(points[:0], points).faces) == 0
    assert len(nearest_of(points[:2], points[:0]).faces) == 0


def test_the_stage_writes_each_face_with_its_neighbours(project: Any) -> None:
    project.add_batch("pool", photos=30)
    written = pd.read_parquet(NEIGHBOURS_DIR / "pool.parquet")
    (NEIGHBOURS_DIR / "pool.parquet").unlink()
    neighbours.main("pool")
    faces, others, cosines = read_neighbours("pool")
    assert np.bincount(faces).tolist() == [10] * 30 and not (faces == others).any()
    np.testing.assert_allclose(cosines, written["cosine"], atol=0.01)
