"""The unlabelled pool: which faces may still be asked about."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd


class Pool(NamedTuple):
    """Masks of shape (n_faces,) over a batch's face table.

    `open` faces may be asked about for training; `unseen` ones are open, and nothing of their
    group (photo or track) is labelled, so that a model can be validated on them.
    """

    open: np.ndarray
    unseen: np.ndarray


def open_pool(faces: pd.DataFrame, labelled: pd.DataFrame, held_out: Collection[str]) -> Pool:
    """Return the faces of a batch that are neither labelled, nor copies, nor near a held-out face.

    Args:
        faces: the batch's face table; columns face_id, group, duplicate_of.
        labelled: all labelled faces; columns face_id, group.
        held_out: groups of the next round's over-fitting set, which it may not train on.
    """
    asked, copies = faces["face_id"].isin(labelled["face_id"]), faces["duplicate_of"].notna()
    # A copy stands for its original and the reverse: either's label settles both.
    settled = {*faces.loc[asked, "face_id"], *faces.loc[asked & copies, "duplicate_of"]}
    is_open = (
        ~copies & ~faces["face_id"].isin(settled) & ~faces["group"].isin(list(held_out))
    ).to_numpy()
    unseen = is_open & ~faces["group"].isin(set(labelled["group"])).to_numpy()
    return Pool(is_open, unseen)
