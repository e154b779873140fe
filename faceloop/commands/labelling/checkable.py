"""Labelled faces for a second look, laid out for `faceloop label --check`."""

import pandas as pd

from faceloop.base.storage import LABELLED_DIR, read_csv
from faceloop.base.tables import FACE
from faceloop.commands.labelling.checking import order_alike
from faceloop.commands.rounds.drafts import read_draft
from faceloop.commands.rounds.history import read_said
from faceloop.commands.rounds.state import State
from faceloop.labels.adjudication import disagreements
from faceloop.labels.assignment import missing_votes
from faceloop.labels.columns import NOT_A_FACE
from faceloop.labels.votes import latest_votes
from faceloop.model.head import class_codes
from faceloop.pool.features import read_features
from faceloop.pool.labelled import LABELLED


def read_checkable(state: State, annotator: str) -> pd.DataFrame:
    """Return labelled faces that this person has not voted on, like beside like.

    Left out are faces that people disagree on or that somebody settled, and those that this person
    is still to label blind.

    Returns:
        Columns of ASKED, face_id, round, and label: the one that people gave.

    Raises:
        FaceloopError: what `dvc repro` makes is not here.
    """
    settings = state.settings
    said = read_said(state)
    labelled = read_csv(LABELLED_DIR / f"{state.candidate}.csv", LABELLED)
    faces = said.asked.merge(labelled[[*FACE, "label"]], on=FACE)
    mine = said.votes.loc[said.votes["annotator"] == annotator, FACE]
    missing = missing_votes(state.queue, state.votes).map(lambda names: annotator in names)
    drafted = read_draft(state.candidate, annotator)["asked_id"]
    settled = [mine, said.decisions[FACE], disagreements(latest_votes(said.votes))[FACE]]
    out = pd.MultiIndex.from_frame(pd.concat(settled))
    now = pd.MultiIndex.from_frame(faces[FACE])
    blind = faces["asked_id"].isin([*state.queue.loc[missing, "asked_id"], *drafted])
    shown = [*settings.classes, NOT_A_FACE]
    faces = faces[~now.isin(out) & ~blind & faces["label"].isin(shown)].reset_index(drop=True)
    features = read_features(faces, settings.batches)
    places = order_alike(
        class_codes(faces["label"], shown), features, settings.sample_diverse, settings.seed
    )
    return faces.iloc[places].reset_index(drop=True)
