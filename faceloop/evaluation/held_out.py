"""Faces that two models are judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.base.tables import Rows
from faceloop.model.head import Head


@dataclass(frozen=True)
class HeldOut:
    """Faces that neither model was trained on, and the two models to judge on them.

    Attributes:
        truth: int of shape (n,), indices into the classes.
        groups: str of shape (n,), the photo or track of each face.
        features: float32 of shape (n, d).
        accepted, candidate: the models without and with the round's labels.
        weights: float of shape (n,) and mean 1, the inverse of how likely each face was to be
            drawn; None where all count alike.
        strata: int of shape (n,), those that the faces were drawn by; None where by none.
    """

    truth: np.ndarray
    groups: np.ndarray
    features: np.ndarray
    accepted: Head
    candidate: Head
    weights: np.ndarray | None = None
    strata: np.ndarray | None = None


@dataclass(frozen=True)
class WholeBatch:
    """The pool's batch beside the round's validation faces, copies left out.

    Attributes:
        truth: int of shape (m,), of its faces that were labelled before this round.
        features: float32 of shape (m, d), of the same.
        out_of_fold: float of shape (m, C), what the candidate's folds said of a face while it was
            held out; NaN where none did.
        trained: bool of shape (m,), which of them the candidate trained on.
        rest: how many other faces show a class: those that the validation faces stand for.
        embeddings: of shape (n, d), of all faces; read a block at a time.
        unlabelled: bool of shape (n,), which of them have no label yet.
    """

    truth: np.ndarray
    features: np.ndarray
    out_of_fold: np.ndarray
    trained: np.ndarray
    rest: float
    embeddings: Rows
    unlabelled: np.ndarray


class Design(NamedTuple):
    """How faces were drawn.

    weights: (n,), of mean 1, the inverse of how likely each was to be; None where all count alike.
    strata: (n,), those that they were drawn by; None where by none.
    """

    weights: np.ndarray | None = None
    strata: np.ndarray | None = None


class Parts(NamedTuple):
    """A batch's faces by what is known of them before a round.

    known: rows of labelled faces with a class.
    rest: how many of the others show a class, judged by the share that the round's validation
        faces do.
    unlabelled: bool of shape (n,), faces without a label of any round; copies left out.
    """

    known: pd.DataFrame
    rest: float
    unlabelled: np.ndarray


def trains_beside(faces: pd.DataFrame, labelled: pd.DataFrame) -> bool:
    """Whether labelled faces of split `train` are some of these, or of their photos and tracks.

    Args:
        faces: columns face_id, group.
        labelled: the same, and split.
    """
    trained = labelled[labelled["split"] == "train"]
    return any(faces[name].isin(trained[name]).any() for name in ("face_id", "group"))


def design_of(faces: pd.DataFrame) -> Design:
    """Return how validation faces were drawn; an imported round tells no probability.

    Args:
        faces: columns inclusion_probability, cluster.
    """
    drawn, strata = faces["inclusion_probability"].to_numpy(), faces["cluster"]
    if not len(drawn) or np.isnan(drawn).any():
        return Design()
    weights = (1 / drawn) / np.mean(1 / drawn)
    return Design(weights, strata.to_numpy(dtype=np.int64) if strata.notna().all() else None)


def parts_of(
    faces: pd.DataFrame, labelled: pd.DataFrame, round_name: str, classes: Sequence[str]
) -> Parts:
    """Split a batch into what was known before a round and the rest that its validation stands for.

    Args:
        faces: columns face_id, duplicate_of; all faces of the batch.
        labelled: columns face_id, round, purpose, label; of the batch, up to the round.
        round_name: the round.
        classes: the labels that are classes.
    """
    before = labelled[labelled["round"] != round_name]
    # A label of a copy is its original's, which stands for both.
    original = faces["duplicate_of"].fillna(faces["face_id"])
    asked_about, asked_before = (
        original[faces["face_id"].isin(some["face_id"])] for some in (labelled, before)
    )
    is_asked = (labelled["round"] == round_name) & (labelled["purpose"] == "validation")
    usable = labelled.loc[is_asked, "label"].isin(classes).mean() if is_asked.any() else 0.0
    is_distinct = faces["duplicate_of"].isna()
    return Parts(
        before[before["label"].isin(classes)],
        (int(is_distinct.sum()) - asked_before.nunique()) * float(usable),
        (is_distinct & ~faces["face_id"].isin(asked_about)).to_numpy(),
    )
