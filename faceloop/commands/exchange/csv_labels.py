"""A CSV of labels: by face_id, or by source with frame and box."""

from pathlib import Path

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.commands.exchange.said import GivenLabel, LabelFile
from faceloop.commands.labelling.vote import read_truth
from faceloop.commands.settings import Settings
from faceloop.labels.placing import place_rows
from faceloop.labels.vote_files import check_label, read_rows

LABEL_STUDIOS_OWN = {"annotation_id", "annotator", "lead_time"}


def read_csv_labels(
    path: Path, faces: pd.DataFrame, known: frozenset[str], settings: Settings
) -> LabelFile:
    """Read a CSV: face_id and label, or source and label with frame and box.

    Raises:
        FaceloopError: with file and row: an unknown class or face; or Label Studio's own CSV.
    """
    rows = read_rows(path, ["label"])
    if rows and set(rows[0][1]) >= LABEL_STUDIOS_OWN:
        raise FaceloopError(
            f"{path} is Label Studio's CSV, which leaves out what was skipped: export JSON there"
        )
    if rows and "face_id" not in rows[0][1]:
        truth = read_truth(path, settings.classes)
        ids = place_by_source(truth, faces)
        rows = [
            (row, {**one, "face_id": found}) for (row, one), found in zip(rows, ids, strict=True)
        ]
    said = []
    for row, one in rows:
        check_label(one["label"], f"{path}:{row}", settings.classes)
        if one.get("face_id") not in known:
            shown = one.get("face_id") or one.get("source", "")
            raise FaceloopError(f"{path}:{row}: unknown face {shown!r}: it is in no face table")
        said.append(GivenLabel(f"{path}:{row}", one["face_id"], one["label"]))
    return LabelFile(said, [])


def place_by_source(truth: pd.DataFrame, faces: pd.DataFrame) -> list[str]:
    """Return the id of the face that each row is about, "" where none: by box, or the only one.

    Raises:
        FaceloopError: a source's name stands in several batches.
    """
    homes = faces.groupby("source")["batch"].nunique()
    for source in truth["source"][truth["source"].isin(homes.index[homes > 1])]:
        raise FaceloopError(f"{source} is in several batches: import its labels by face_id")
    everywhere = faces.assign(batch="")
    only = faces.drop_duplicates("source", keep=False).set_index("source")["face_id"]
    boxed = truth[truth["x0"].notna()].assign(batch="", asked_id="")
    ids = truth["source"].map(only).where(truth["x0"].isna(), "").fillna("")
    ids[boxed.index] = place_rows(boxed, everywhere)
    return ids.tolist()
