"""Boxes: overlap, matching, and finding a vote's face again after a re-extraction."""

import numpy as np
import pandas as pd
import pytest

from faceloop.commands.labelling.vote import label_by_truth
from faceloop.crops.boxes import BOX, iou, match_boxes
from faceloop.labels import placing
from faceloop.labels.placing import place_rows


def naive_iou(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = width * height if width > 0 and height > 0 else 0.0
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / total if total > 0 else 0.0


def test_iou_equals_the_definition() -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 20, size=(30, 2, 2))
    boxes = np.hstack([corners.min(axis=1), corners.max(axis=1)]).astype(float)
    first, second = boxes[:12], boxes[12:]
    expected = [[naive_iou(a, b) for b in second.tolist()] for a in first.tolist()]
    np.testing.assert_allclose(iou(first, second), expected)


def test_iou_of_nothing_is_empty() -> None:
    assert iou(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)


def test_matching_takes_the_greatest_overlap_first_and_one_to_one() -> None:
    overlap = np.array([[0.6, 0.9], [0.55, 0.8], [0.3, 0.1]])
    assert match_boxes(overlap, 0.5) == [(0, 1), (1, 0)]


def test_matching_breaks_ties_by_the_lower_index() -> None:
    assert match_boxes(np.full((2, 2), 0.7), 0.5) == [(0, 0), (1, 1)]


def test_matching_holds_the_least_overlap() -> None:
    overlap = np.array([[0.5, 0.0], [0.0, 0.499]])
    assert match_boxes(overlap, 0.5) == [(0, 0)]
    assert match_boxes(np.zeros((0, 4)), 0.5) == []


def table(*rows: tuple[str, str, str, int | None, int], wide: int = 40) -> pd.DataFrame:
    """Rows of (face_id, batch, source, frame, x0); all boxes are 40 px squares."""
    found = pd.DataFrame(
        [(i, b, s, f, x, 0, x + wide, 40) for i, b, s, f, x in rows],
        columns=["face_id", "batch", "source", "frame", *BOX],
    )
    found = found.astype({"frame": "Int64", "face_id": "str", "batch": "str", "source": "str"})
    return found.assign(asked_id=found["face_id"])  # the one of a queue, the other of a face table


def test_a_face_that_still_stands_keeps_its_vote() -> None:
    rows = table(("a", "p", "1.jpg", None, 0))
    # Another face lies exactly where the vote was cast: the id is the stronger word.
    faces = table(("a", "p", "1.jpg", None, 300), ("b", "p", "1.jpg", None, 0))
    assert place_rows(rows, faces).tolist() == ["a"]


def test_a_moved_face_is_found_by_overlap() -> None:
    rows = table(("old", "p", "1.jpg", None, 0))
    faces = table(("new", "p", "1.jpg", None, 5), ("far", "p", "1.jpg", None, 100))
    assert place_rows(rows, faces).tolist() == ["new"]


def test_too_little_overlap_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(("old", "p", "1.jpg", None, 0))
    faces = table(("new", "p", "1.jpg", None, 20))  # IoU 1/3
    assert place_rows(rows, faces).tolist() == [""]
    monkeypatch.setattr(placing, "MIN_IOU", 0.3)
    assert place_rows(rows, faces).tolist() == ["new"]


@pytest.mark.parametrize(
    "place", [("q", "1.jpg", None), ("p", "2.jpg", None), ("p", "1.jpg", 3)], ids=str
)
def test_a_face_elsewhere_is_not_it(place: tuple[str, str, int | None]) -> None:
    rows = table(("old", "p", "1.jpg", None, 0))
    assert place_rows(rows, table(("new", *place, 0))).tolist() == [""]


def test_video_frames_are_told_apart() -> None:
    rows = table(("o1", "p", "v.mp4", 1, 0), ("o2", "p", "v.mp4", 2, 0))
    faces = table(("n2", "p", "v.mp4", 2, 1), ("n1", "p", "v.mp4", 1, 1))
    assert place_rows(rows, faces).tolist() == ["n1", "n2"]


def test_two_votes_never_find_the_same_face(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(("o1", "p", "1.jpg", None, 0), ("o2", "p", "1.jpg", None, 8))
    faces = table(("n", "p", "1.jpg", None, 7))
    monkeypatch.setattr(placing, "MIN_IOU", 0.3)
    assert place_rows(rows, faces).tolist() == ["", "n"]


def test_a_face_with_its_own_vote_is_not_given_away() -> None:
    rows = table(("kept", "p", "1.jpg", None, 0), ("lost", "p", "1.jpg", None, 1))
    faces = table(("kept", "p", "1.jpg", None, 0))
    assert place_rows(rows, faces).tolist() == ["kept", ""]


def test_the_index_of_the_rows_is_kept() -> None:
    rows = table(("old", "p", "1.jpg", None, 0), ("gone", "p", "9.jpg", None, 0))
    rows.index = [7, 3]
    placed = place_rows(rows, table(("new", "p", "1.jpg", None, 2)))
    assert placed.to_dict() == {7: "new", 3: ""}


def truth(*rows: tuple[str, int | None, int | None, str]) -> pd.DataFrame:
    found = pd.DataFrame(
        [
            (s, f, x, 0 if x is not None else None, x + 40 if x is not None else None, 40, label)
            for s, f, x, label in rows
        ],
        columns=["source", "frame", *BOX, "label"],
    )
    kinds = {"frame": "Int64", **dict.fromkeys(BOX, "Float64"), "source": "str", "label": "str"}
    return found.astype(kinds)


def test_truth_labels_by_box_and_leaves_the_rest_blank() -> None:
    queue = table(
        ("a", "p", "1.jpg", None, 0), ("b", "p", "1.jpg", None, 100), ("c", "p", "v.mp4", 5, 0)
    )
    known = truth(("1.jpg", None, 103, "glasses"), ("1.jpg", None, 500, "none"))
    assert label_by_truth(queue, known).tolist() == ["", "glasses", ""]


def test_truth_of_a_frame_is_of_that_frame() -> None:
    queue = table(("a", "p", "v.mp4", 5, 0), ("b", "p", "v.mp4", 6, 0))
    known = truth(("v.mp4", 6, 0, "glasses"))
    assert label_by_truth(queue, known).tolist() == ["", "glasses"]


def test_truth_without_a_box_speaks_for_its_whole_source() -> None:
    queue = table(("a", "p", "1.jpg", None, 0), ("b", "p", "2.jpg", None, 0))
    assert label_by_truth(queue, truth(("2.jpg", None, None, "none"))).tolist() == ["", "none"]


def test_nothing_to_label_and_nothing_known_are_fine() -> None:
    queue = table(("a", "p", "1.jpg", None, 0))
    assert label_by_truth(queue, truth()).tolist() == [""]
    assert label_by_truth(queue.iloc[:0], truth(("1.jpg", None, 0, "a"))).tolist() == []
