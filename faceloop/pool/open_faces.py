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


def waits_to_judge(lots: np.ndarray, faces: pd.DataFrame, labelled: pd.DataFrame) -> np.ndarray:
    """Return which faces (n,) are in lots that no round has drawn from yet.

    Lots are drawn in their order, so these are the ones behind the last that was. A round whose
    random faces were not all of the jury was drawn in another way (before there was one, or by
    other params), and tells nothing of its order.

    Args:
        lots: int of shape (n,).
        faces: the batch's face table; column group.
        labelled: columns round, group, inclusion_probability.
    """
    drawn = labelled[labelled["inclusion_probability"].notna()]
    here = np.flatnonzero(faces["group"].isin(drawn["group"]))
    lot_of = dict(zip(faces["group"].array[here], lots[here], strict=True))
    by_round = drawn["group"].map(lot_of).groupby(drawn["round"])
    last = by_round.max()[by_round.min() >= 0].max() if len(drawn) else np.nan
    return lots > (-1 if np.isnan(last) else last)
