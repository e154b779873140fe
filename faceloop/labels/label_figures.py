"""Figures of the labels: how many of what, how well people agree, what could not be used."""

from typing import Any

import pandas as pd

from faceloop.labels.assignment import is_answered
from faceloop.labels.columns import NOT_A_FACE, UNRESOLVED, UNSURE
from faceloop.labels.merging import Merged
from faceloop.labels.params import Merging
from faceloop.pool.queue import extensions


def summarise_labels(
    merged: Merged, queues: pd.DataFrame, round_name: str, settings: Merging
) -> dict[str, Any]:
    """Return counts by class, split and round, agreement, and votes moved or left without a face.

    `adjudications` are rows, `adjudicated` the faces that they settle, `conflicts_open` those that
    people disagree on and nobody has settled. Agreement is the share of agreeing pairs of votes,
    over faces with two votes or more; None where there is none.
    """
    labelled, placed = merged.labelled, merged.placed
    counts = labelled["label"].value_counts()
    pairs = labelled["agreement"].dropna()
    moved = (placed["face_id"] != placed["asked_id"]) & (placed["face_id"] != "")
    return {
        "round": round_name,
        "faces": len(labelled),
        "votes": len(placed),
        "annotators": int(placed["annotator"].nunique()),
        "by_class": {name: int(counts.get(name, 0)) for name in settings.classes},
        **{name: int(counts.get(name, 0)) for name in (UNSURE, NOT_A_FACE, UNRESOLVED)},
        "by_split": {
            name: int((labelled["split"] == name).sum())
            for name in ("train", "overfit", "validation", "unused")
        },
        "by_round": {
            str(name): _round_figures(queue, placed[placed["round"] == name])
            for name, queue in queues.groupby("round", sort=True)
        },
        "agreement": float(pairs.mean()) if len(pairs) else None,
        "faces_with_several_votes": len(pairs),
        "adjudications": len(merged.adjudications),
        "adjudications_unplaced": int((merged.adjudications["face_id"] == "").sum()),
        "adjudicated": len(merged.decided),
        "conflicts_open": len(merged.conflicts),
        "re_anchored": int(moved.sum()),
        "unplaced": int((placed["face_id"] == "").sum()),
    }


def _round_figures(queue: pd.DataFrame, votes: pd.DataFrame) -> dict[str, int]:
    return {
        "queued": len(queue),
        "answered": int(is_answered(queue, votes).sum()),
        "votes": len(votes),
        "validation": int((queue["purpose"] == "validation").sum()),
        "extensions": extensions(queue["reason"]),
    }
