"""Merging the rounds' votes into one table of labelled faces."""

from collections.abc import Collection
from typing import NamedTuple

import pandas as pd

from faceloop.base.rounds import outer_of
from faceloop.base.tables import FACE, as_table
from faceloop.labels.adjudication import (
    adjudicate,
    disagreements,
    standing_decisions,
    without_decided,
)
from faceloop.labels.params import Merging
from faceloop.labels.placing import ASKED_FACE, place_rows
from faceloop.labels.votes import AGGREGATIONS, latest_votes
from faceloop.pool.labelled import LABELLED
from faceloop.pool.splits import assign_splits, draw_overfit_groups


class Said(NamedTuple):
    """What was said of faces, and which of it counts.

    asked: the queue's rows, one an asked_id, with the face_id of now ("" where there is none).
    placed, settled: all votes and adjudications, with batch and face_id.
    votes, decisions: those of them that count.
    """

    asked: pd.DataFrame
    placed: pd.DataFrame
    settled: pd.DataFrame
    votes: pd.DataFrame
    decisions: pd.DataFrame


class Merged(NamedTuple):
    """The labelled faces (columns LABELLED), and what became of the votes and adjudications.

    placed, adjudications: those rows, with the face_id of now ("" where there is none).
    decided: the faces whose label is an adjudication's; columns batch, face_id, label.
    conflicts: the faces that people disagree on and nobody has settled, as `disagreements` gives.
    """

    labelled: pd.DataFrame
    placed: pd.DataFrame
    adjudications: pd.DataFrame
    decided: pd.DataFrame
    conflicts: pd.DataFrame


def merge_rounds(
    queues: pd.DataFrame,
    votes: pd.DataFrame,
    adjudications: pd.DataFrame,
    faces: pd.DataFrame,
    round_name: str,
    settings: Merging,
) -> Merged:
    """Merge the votes of all rounds up to `round_name`, and what was settled over them.

    Args:
        queues: queue rows of those rounds; columns of ASKED, and round.
        votes: votes of those rounds; columns of VOTES, round and annotator.
        adjudications: of those rounds; columns of ADJUDICATIONS, and round.
        faces: the face tables of all batches.
        round_name: the round that the table is for: its validation set is held out.
        settings: classes, rounds, seed and merge_labels.
    """
    outer, rejected = outer_of(settings.rounds.candidate), settings.rounds.rejected
    asked, placed, settled, standing, decisions = what_stands(
        queues, votes, adjudications, faces, settings
    )
    aggregate = AGGREGATIONS[settings.merge_labels.aggregation]

    about = asked.drop_duplicates(FACE)
    groups = faces[[*FACE, "group"]]
    latest, decided = latest_votes(standing), standing_decisions(decisions)
    labelled = (
        adjudicate(aggregate(latest), decided)
        .merge(about[[*FACE, "round", "purpose", "cluster", "inclusion_probability"]], on=FACE)
        .merge(groups, on=FACE)
    )
    # Both models' tables must hold out the same set: it is drawn from what the old rounds' folders
    # say alone, votes and adjudications.
    old_votes, old_decisions = (
        said[(said["round"].map(outer_of) < outer) & ~said["round"].isin(rejected)]
        for said in (standing, decisions)
    )
    old = adjudicate(aggregate(latest_votes(old_votes)), standing_decisions(old_decisions))
    held_out = draw_overfit_groups(
        old.merge(groups, on=FACE),
        settings.merge_labels.overfit_share,
        settings.seed,
        outer,
        settings.classes,
    )
    labelled["split"] = assign_splits(
        labelled, round_name, outer, held_out, rejected, settings.classes
    )
    table = as_table(labelled.sort_values(FACE[::-1]), LABELLED)
    conflicts = without_decided(disagreements(latest), decided)
    return Merged(table, placed, settled, decided, conflicts)


def what_stands(
    queues: pd.DataFrame,
    votes: pd.DataFrame,
    adjudications: pd.DataFrame,
    faces: pd.DataFrame,
    settings: Merging,
) -> Said:
    """Find today's face of all that was said, and leave out what rejected rounds say.

    What a rejected round says counts only of a face that no other round says anything of.

    Args:
        queues, votes, adjudications, faces, settings: as `merge_rounds` takes them.
    """
    rejected = settings.rounds.rejected
    # A face asked about in several rounds belongs to the first of them that is not rejected.
    kept_first = queues.assign(out=queues["round"].isin(rejected)).sort_values("out", kind="stable")
    asked = kept_first.drop(columns="out").drop_duplicates(ASKED_FACE, ignore_index=True)
    asked = asked.assign(face_id=place_queued(asked, faces))
    places = queues[["round", "purpose", *ASKED_FACE]]
    places = places.merge(asked[[*ASKED_FACE, "face_id"]], on=ASKED_FACE)
    placed, settled = (
        said.merge(places, on=["round", "asked_id"]) for said in (votes, adjudications)
    )
    both = pd.concat([placed.assign(is_vote=True), settled.assign(is_vote=False)])
    kept = without_rejected(both[both["face_id"] != ""], rejected)
    is_vote = kept["is_vote"].astype(bool)
    return Said(asked, placed, settled, kept[is_vote], kept[~is_vote])


def place_queued(asked: pd.DataFrame, faces: pd.DataFrame) -> pd.Series:
    """Return the face that each queue row is about now, "" where there is none.

    A face that got another id by a re-extraction and was then asked about again stands here twice,
    under both ids: the two must not compete for it.
    """
    again = asked["purpose"] == "relabel"
    placed = [place_rows(asked[rows], faces) for rows in (~again, again)]
    return pd.concat(placed)


def without_rejected(votes: pd.DataFrame, rejected: Collection[str]) -> pd.DataFrame:
    """Drop the votes of rejected rounds, save for faces that have no other."""
    out = votes["round"].isin(list(rejected))
    kept = pd.MultiIndex.from_frame(votes.loc[~out, FACE])
    return votes[~out | ~pd.MultiIndex.from_frame(votes[FACE]).isin(kept)]
