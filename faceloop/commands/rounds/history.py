"""What was asked and said in all rounds, as the people's commands need it."""

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from faceloop.base.tables import FACE
from faceloop.crops.face_table import read_faces
from faceloop.labels.adjudication import disagreements
from faceloop.labels.merging import Said, what_stands
from faceloop.labels.placing import ASKED_FACE
from faceloop.labels.votes import latest_votes

if TYPE_CHECKING:
    from faceloop.commands.rounds.state import State


class Conflicts(NamedTuple):
    """Faces that people disagree on: all of them, and those that nobody has settled.

    Columns of ASKED and round, under which an adjudication is kept; face_id; labels and voters, as
    `disagreements` gives them.
    """

    every: pd.DataFrame
    open: pd.DataFrame


def read_said(state: "State") -> Said:
    """Return what was said of which face of now.

    Raises:
        FaceloopError: a batch's face table is not here.
    """
    faces = read_faces(state.settings.batches, state.said.queues)
    return what_stands(*state.said, faces, state.settings)


def read_conflicts(state: "State") -> Conflicts:
    """Return the faces that people disagree on, in all rounds up to the candidate.

    Raises:
        FaceloopError: a batch's face table is not here.
    """
    said = read_said(state)
    found = disagreements(latest_votes(said.votes)).rename(columns={"annotators": "voters"})
    # A relabelled face stands in several queues: the row of the round that it is settled in.
    rows = state.said.queues.merge(said.asked[[*ASKED_FACE, "face_id"]], on=ASKED_FACE)
    every = rows.merge(found, on=["round", *FACE])
    decided = pd.MultiIndex.from_frame(said.decisions[FACE])
    is_open = ~pd.MultiIndex.from_frame(every[FACE]).isin(decided)
    return Conflicts(every, every[is_open].reset_index(drop=True))
