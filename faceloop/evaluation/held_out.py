"""Faces that two models are judged on."""

from dataclasses import dataclass

import numpy as np

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
