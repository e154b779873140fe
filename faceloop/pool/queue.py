"""Queues: the faces that people are asked about, one row a face."""

from typing import Any

import pandas as pd

from faceloop.base.tables import as_table
from faceloop.crops.boxes import BOX

# One row is a face that people are asked about.
QUEUE = {
    "face_id": "str",
    "batch": "str",
    "source": "str",
    "frame": "Int64",
    **dict.fromkeys(BOX, "int64"),
    "purpose": "str",
    "reason": "str",
    "score": "float64",
    "cluster": "Int64",
    "inclusion_probability": "float64",
    "annotators": "str",  # who is asked, joined by a space; blank: anyone
}
PURPOSES = ("train", "validation", "relabel")
EXTENSION = "extension"


def queue_rows(faces: pd.DataFrame, purpose: str, **columns: Any) -> pd.DataFrame:
    """Return queue rows for faces of a face table; what `columns` does not name stays blank."""
    blank: dict[str, Any] = dict.fromkeys(("score", "cluster", "inclusion_probability"))
    return as_table(faces.assign(purpose=purpose, annotators="", **(blank | columns)), QUEUE)


def extend(queue: pd.DataFrame, reserve: pd.DataFrame, size: int) -> pd.DataFrame:
    """Return a round's queue with the next `size` faces of its reserve at the end.

    The reserve was drawn at random together with the validation faces that are asked, so all
    together are one sample of the same frame: with v faces asked so far, each has (v + size) / v
    of the inclusion probability it had. Standing rows keep their order and all other values.

    Args:
        queue: rows of a frozen queue, whose ids are `asked_id`.
        reserve: the same, in the order in which its faces are asked; some may be in the queue.
        size: at most as many as the reserve still holds.
    """
    left = reserve[~reserve["asked_id"].isin(queue["asked_id"])].head(size)
    number = extensions(queue["reason"]) + 1
    longer = pd.concat([queue, left.assign(reason=f"{EXTENSION} {number}")], ignore_index=True)
    asked = longer["purpose"] == "validation"
    before = queue.loc[queue["purpose"] == "validation", "inclusion_probability"]
    longer.loc[asked, "inclusion_probability"] = before.mean() * asked.sum() / len(before)
    return longer


def extensions(reasons: pd.Series) -> int:
    """Return how often a queue was extended, by its rows' reasons."""
    return int(reasons[reasons.str.startswith(EXTENSION)].nunique())
