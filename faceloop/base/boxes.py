"""Finding the same face again by where it was: votes outlive a re-extraction."""

import numpy as np
import pandas as pd

from faceloop.base.tables import FACE

BOX = ["x0", "y0", "x1", "y1"]


def boxes_of(table: pd.DataFrame) -> np.ndarray:
    """Return a table's boxes as float64 of shape (n, 4): x0, y0, x1, y1 in px."""
    return table[BOX].to_numpy(dtype=np.float64)


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of every pair of boxes.

    Args:
        first: float of shape (n, 4), x0 y0 x1 y1 in px.
        second: float of shape (m, 4).

    Returns:
        float64 of shape (n, m) in [0, 1]; 0 where a box has no area.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area_first = np.prod(np.clip(first[:, 2:] - first[:, :2], 0, None), axis=1)
    area_second = np.prod(np.clip(second[:, 2:] - second[:, :2], 0, None), axis=1)
    union = area_first[:, None] + area_second[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match_boxes(overlap: np.ndarray, min_iou: float) -> list[tuple[int, int]]:
    """Pair rows with columns one to one, the greatest overlap first; ties go to the lower index."""
    pairs = np.argwhere(overlap >= min_iou)
    order = np.argsort(-overlap[pairs[:, 0], pairs[:, 1]], kind="stable")
    taken_rows, taken_columns, matched = set(), set(), []
    for row, column in pairs[order].tolist():
        if row not in taken_rows and column not in taken_columns:
            taken_rows.add(row)
            taken_columns.add(column)
            matched.append((row, column))
    return matched


def place_rows(rows: pd.DataFrame, faces: pd.DataFrame, min_iou: float) -> pd.Series:
    """Return, for each row, the id of the face that it is about, or "" where there is none.

    A row whose own `face_id` still stands keeps it; the others go, within one source and frame,
    one to one to the free face that overlaps most, at `min_iou` or above.

    Args:
        rows: columns face_id, batch, source, frame, x0, y0, x1, y1.
        faces: the face table, the same columns.
        min_iou: least overlap in (0, 1].
    """
    place = ["batch", "source", "frame"]
    own = pd.MultiIndex.from_frame(rows[FACE])
    standing = faces.loc[faces["face_id"].isin(rows["face_id"]), FACE]
    placed = rows["face_id"].where(own.isin(pd.MultiIndex.from_frame(standing)), "")
    lost = rows[placed == ""]
    near = faces[faces["source"].isin(lost["source"])]
    free = near[~pd.MultiIndex.from_frame(near[FACE]).isin(own)]
    free_by_place = dict(list(free.assign(frame=free["frame"].fillna(-1)).groupby(place)))
    for key, some in lost.assign(frame=lost["frame"].fillna(-1)).groupby(place):
        candidates = free_by_place.get(key)
        if candidates is None:
            continue
        for row, column in match_boxes(iou(boxes_of(some), boxes_of(candidates)), min_iou):
            placed[some.index[row]] = candidates["face_id"].iloc[column]
    return placed


def label_by_truth(queue: pd.DataFrame, truth: pd.DataFrame, min_iou: float) -> pd.Series:
    """Return the true label of each queued face, or "" where the truth has none for it.

    Args:
        queue: columns source, frame, x0, y0, x1, y1.
        truth: the same columns and label; a row without a box speaks for its whole source.
        min_iou: least overlap of a face's box with its truth's.
    """
    whole = truth[truth["x0"].isna()].drop_duplicates("source").set_index("source")["label"]
    labels = queue["source"].map(whole.to_dict().get).astype("str").fillna("")
    boxed = truth[truth["x0"].notna()].assign(frame=truth["frame"].fillna(-1))
    by_place = dict(list(boxed.groupby(["source", "frame"])))
    for key, faces in queue.assign(frame=queue["frame"].fillna(-1)).groupby(["source", "frame"]):
        there = by_place.get(key)
        if there is not None:
            for row, column in match_boxes(iou(boxes_of(faces), boxes_of(there)), min_iou):
                labels[faces.index[row]] = there["label"].iloc[column]
    return labels
