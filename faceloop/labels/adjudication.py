"""Adjudication: where people disagree, one person settles a face's label, over all votes."""

import pandas as pd

from faceloop.base.rounds import order_of
from faceloop.base.tables import FACE


def disagreements(votes: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each face that people gave different labels.

    Any difference counts, also one that a majority decides: two against one is a doubt, and where
    a mistake hides.

    Args:
        votes: columns round, batch, face_id, annotator, label; one row a person and face.

    Returns:
        Columns batch, face_id, round (the latest in which it was voted on: where its adjudication
        belongs, so that no earlier round's table knows of it), labels and annotators (sorted).
    """
    several = votes[votes.groupby(FACE)["label"].transform("nunique") > 1]
    rows = [
        {
            **dict(zip(FACE, face, strict=True)),
            "round": max(said["round"], key=order_of),
            "labels": sorted(set(said["label"])),
            "annotators": sorted(set(said["annotator"])),
        }
        for face, said in several.groupby(FACE, sort=True)
    ]
    return pd.DataFrame(rows, columns=[*FACE, "round", "labels", "annotators"])


def standing_decisions(adjudications: pd.DataFrame) -> pd.DataFrame:
    """Return each face's last adjudication: a correction is a new row, and no row is rewritten.

    Args:
        adjudications: columns batch, face_id, labelled_at (ISO 8601).
    """
    times = pd.to_datetime(adjudications["labelled_at"], utc=True, format="ISO8601")
    ordered = adjudications.assign(time=times).sort_values("time", kind="stable")
    return ordered.drop(columns="time").drop_duplicates(FACE, keep="last")


def adjudicate(labels: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Put the decisions over the labels that votes gave.

    The confidence becomes 1: somebody who saw what others said has settled it, and what share of
    them said so tells no more. How many voted and how well they agreed stays.

    Args:
        labels: columns batch, face_id, label, confidence; others are kept.
        decisions: columns batch, face_id, label; one row a face.
    """
    settled = labels[FACE].merge(decisions[[*FACE, "label"]], on=FACE, how="left")["label"]
    settled.index = labels.index
    return labels.assign(
        label=settled.fillna(labels["label"]),
        confidence=labels["confidence"].where(settled.isna(), 1.0),
    )


def without_decided(conflicts: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Return the conflicts that nobody has settled yet."""
    decided = pd.MultiIndex.from_frame(decisions[FACE])
    return conflicts[~pd.MultiIndex.from_frame(conflicts[FACE]).isin(decided)]
