"""Finding the same face again by where it was: votes outlive a re-extraction."""

import pandas as pd

from faceloop.base.tables import FACE
from faceloop.crops.boxes import boxes_of, iou, match_boxes

ASKED_FACE = ["batch", "asked_id"]
MIN_IOU = 0.5  # overlap at which boxes show one face, as detectors are judged (PASCAL VOC)


def place_rows(rows: pd.DataFrame, faces: pd.DataFrame) -> pd.Series:
    """Return, for each row, the id of the face that it is about, or "" where there is none.

    A row whose `asked_id` still stands is about that face; the others go, within one source and
    frame, one to one to the free face that overlaps most, at MIN_IOU or above.

    Args:
        rows: columns batch, asked_id, source, frame, x0, y0, x1, y1.
        faces: the face table.
    """
    place = ["batch", "source", "frame"]
    own = pd.MultiIndex.from_frame(rows[ASKED_FACE])
    standing = faces.loc[faces["face_id"].isin(rows["asked_id"]), FACE]
    placed = rows["asked_id"].where(own.isin(pd.MultiIndex.from_frame(standing)), "")
    lost = rows[placed == ""]
    near = faces[faces["source"].isin(lost["source"])]
    free = near[~pd.MultiIndex.from_frame(near[FACE]).isin(own)]
    free_by_place = dict(list(free.assign(frame=free["frame"].fillna(-1)).groupby(place)))
    for key, some in lost.assign(frame=lost["frame"].fillna(-1)).groupby(place):
        candidates = free_by_place.get(key)
        if candidates is None:
            continue
        for row, column in match_boxes(iou(boxes_of(some), boxes_of(candidates)), MIN_IOU):
            placed[some.index[row]] = candidates["face_id"].iloc[column]
    return placed
