"""Counting the labels: how many of what, and what could not be used."""

import pandas as pd

from faceloop.labels.assignment import is_answered
from faceloop.labels.columns import NOT_A_FACE, UNRESOLVED, UNSURE
from faceloop.labels.label_figures import AgreementFigures, LabelFigures, QueueFigures
from faceloop.labels.merging import Merged
from faceloop.labels.params import Merging
from faceloop.pool.queue import extensions


def count_labels(
    merged: Merged,
    queues: pd.DataFrame,
    blind: AgreementFigures,
    round_name: str,
    settings: Merging,
) -> LabelFigures:
    """Return counts by class, split and round, and of votes moved or left without a face."""
    labelled, placed = merged.labelled, merged.placed
    counts = labelled["label"].value_counts()
    pairs = labelled["agreement"].dropna()
    moved = (placed["face_id"] != placed["asked_id"]) & (placed["face_id"] != "")
    return LabelFigures(
        round=round_name,
        faces=len(labelled),
        votes=len(placed),
        annotators=int(placed["annotator"].nunique()),
        by_class={name: int(counts.get(name, 0)) for name in settings.classes},
        unsure=int(counts.get(UNSURE, 0)),
        not_a_face=int(counts.get(NOT_A_FACE, 0)),
        unresolved=int(counts.get(UNRESOLVED, 0)),
        by_split={
            name: int((labelled["split"] == name).sum())
            for name in ("train", "overfit", "validation", "unused")
        },
        by_round={
            str(name): _count_queue(queue, placed[placed["round"] == name])
            for name, queue in queues.groupby("round", sort=True)
        },
        agreement=float(pairs.mean()) if len(pairs) else None,
        faces_with_several_votes=len(pairs),
        adjudications=len(merged.adjudications),
        adjudications_unplaced=int((merged.adjudications["face_id"] == "").sum()),
        adjudicated=len(merged.decided),
        conflicts_open=len(merged.conflicts),
        re_anchored=int(moved.sum()),
        unplaced=int((placed["face_id"] == "").sum()),
        blind=blind,
    )


def _count_queue(queue: pd.DataFrame, votes: pd.DataFrame) -> QueueFigures:
    return QueueFigures(
        queued=len(queue),
        answered=int(is_answered(queue, votes).sum()),
        votes=len(votes),
        validation=int((queue["purpose"] == "validation").sum()),
        extensions=extensions(queue["reason"]),
    )
