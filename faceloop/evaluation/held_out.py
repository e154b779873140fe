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
        truth: int of shape (m,), of its faces that earlier rounds drew at random.
        groups: str of shape (m,), the photo or track of each.
        weights: float of shape (m,), of mean 1 in each round.
        strata: int of shape (m,), those that they were drawn by; None where by none.
        features: float32 of shape (m, d), of the same.
        out_of_fold: float of shape (m, C), what the candidate's folds said of a face while it was
            held out; NaN where none did.
        trained: bool of shape (m,), which of them the candidate trained on.
        faces: how many faces of it show a class, by the share that the random ones do.
        embeddings: of shape (n, d), of all faces; read a block at a time.
        unlabelled: bool of shape (n,), which of them have no label yet.
    """

    truth: np.ndarray
    groups: np.ndarray
    weights: np.ndarray
    strata: np.ndarray | None
    features: np.ndarray
    out_of_fold: np.ndarray
    trained: np.ndarray
    faces: float
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
    """A batch's faces by what a round knows of them.

    known: rows of labelled faces with a class that earlier rounds drew at random.
    faces: how many of the batch show a class, by the share that its random faces do.
    unlabelled: bool of shape (n,), faces without a label of any round; copies left out.
    """

    known: pd.DataFrame
    faces: float
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
    """Tell of a batch which faces earlier rounds drew at random, and which have no label.

    Args:
        faces: columns face_id, duplicate_of; all faces of the batch.
        labelled: columns face_id, round, inclusion_probability, label; of the batch.
        round_name: the round.
        classes: the labels that are classes.
    """
    # A label of a copy is its original's, which stands for both.
    original = faces["duplicate_of"].fillna(faces["face_id"])
    asked_about = original[faces["face_id"].isin(labelled["face_id"])]
    drawn = labelled[labelled["inclusion_probability"].notna()]
    is_usable = drawn["label"].isin(classes)
    is_distinct = faces["duplicate_of"].isna()
    return Parts(
        drawn[is_usable & (drawn["round"] != round_name)],
        int(is_distinct.sum()) * float(is_usable.mean() if len(drawn) else 0),
        (is_distinct & ~faces["face_id"].isin(asked_about)).to_numpy(),
    )
