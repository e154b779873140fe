"""Merging the rounds' votes into one table of labelled faces."""

from collections.abc import Collection
from typing import NamedTuple

import pandas as pd

from stages.core.anchors import place_rows
from stages.core.records import LABELLED, as_table
from stages.core.rounds import outer_of
from stages.core.settings import Settings
from stages.core.splits import assign_splits, draw_overfit_groups
from stages.core.votes import AGGREGATIONS, latest_votes

FACE = ["batch", "face_id"]


class Merged(NamedTuple):
    """The labelled faces (columns LABELLED), and what became of the votes.

    placed: the votes, with the face each now stands for ("" where there is none) in `face_now`.
    """

    labelled: pd.DataFrame
    placed: pd.DataFrame


def merge_rounds(
    queues: pd.DataFrame,
    votes: pd.DataFrame,
    faces: pd.DataFrame,
    round_name: str,
    settings: Settings,
) -> Merged:
    """Merge the votes of all rounds up to `round_name`.

    Args:
        queues: queue rows of those rounds; columns of QUEUE, and round.
        votes: votes of those rounds; columns of VOTES, round and annotator.
        faces: the face tables of all batches.
        round_name: the round that the table is for: its validation set is held out.
        settings: classes, rounds, seed and merge_labels.
    """
    outer, rejected = outer_of(settings.rounds.candidate), settings.rounds.rejected
    # A face asked about in several rounds belongs to the first of them that is not rejected.
    kept_first = queues.assign(out=queues["round"].isin(rejected)).sort_values("out", kind="stable")
    asked = kept_first.drop(columns="out").drop_duplicates(FACE, ignore_index=True)
    asked = asked.assign(face_now=place_queued(asked, faces, settings.merge_labels.min_iou))
    placed = votes.merge(
        queues[["round", "purpose", *FACE]].merge(asked[[*FACE, "face_now"]], on=FACE),
        on=["round", "face_id"],
    )
    standing = placed[placed["face_now"] != ""].drop(columns="face_id")
    standing = standing.rename(columns={"face_now": "face_id"})
    aggregate = AGGREGATIONS[settings.merge_labels.aggregation]

    about = asked.drop(columns="face_id").rename(columns={"face_now": "face_id"})
    about = about.drop_duplicates(FACE)
    groups = faces[[*FACE, "group"]]
    labelled = (
        aggregate(latest_votes(without_rejected(standing, rejected)))
        .merge(about[[*FACE, "round", "purpose", "inclusion_probability"]], on=FACE)
        .merge(groups, on=FACE)
    )
    # Both models' tables must hold out the same set: it is drawn from the old rounds' votes alone.
    is_old = (standing["round"].map(outer_of) < outer) & ~standing["round"].isin(rejected)
    old = aggregate(latest_votes(standing[is_old])).merge(groups, on=FACE)
    held_out = draw_overfit_groups(
        old, settings.merge_labels.overfit_share, settings.seed, outer, settings.classes
    )
    labelled["split"] = assign_splits(
        labelled, round_name, outer, held_out, rejected, settings.classes
    )
    return Merged(as_table(labelled.sort_values(FACE[::-1]), LABELLED), placed)


def place_queued(asked: pd.DataFrame, faces: pd.DataFrame, min_iou: float) -> pd.Series:
    """Return the face that each queue row is about now, "" where there is none.

    A face that got another id by a re-extraction and was then asked about again stands here twice,
    under both ids: the two must not compete for it.
    """
    again = asked["purpose"] == "relabel"
    placed = [place_rows(asked[rows], faces, min_iou) for rows in (~again, again)]
    return pd.concat(placed)


def without_rejected(votes: pd.DataFrame, rejected: Collection[str]) -> pd.DataFrame:
    """Drop the votes of rejected rounds, save for faces that have no other."""
    out = votes["round"].isin(list(rejected))
    kept = pd.MultiIndex.from_frame(votes.loc[~out, FACE])
    return votes[~out | ~pd.MultiIndex.from_frame(votes[FACE]).isin(kept)]
