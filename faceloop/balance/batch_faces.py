"""What is known of a batch's faces before anyone labels it, and of those that chance picked."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.balance.balance_figures import BatchFigures
from faceloop.balance.class_shares import RandomLabels
from faceloop.base.tables import Rows
from faceloop.model.head import Head, p_columns, predict

# Faces of the batch that are looked at, drawn at random: 0.7 points of a share at most.
MOST_LOOKED_AT = 5000


class BatchFaces(NamedTuple):
    """A batch's distinct faces that have a class, or may get one.

    faces: columns group, label ("" where there is none yet) and the user's own.
    looked_at: positions of the unlabelled faces, or of a random part of them.
    features: float32 of shape (n_looked_at, d), of length 1.
    p: (n_looked_at, C), the model's probabilities.
    """

    faces: pd.DataFrame
    looked_at: np.ndarray
    features: np.ndarray
    p: np.ndarray


def describe_batch(
    faces: pd.DataFrame, labelled: pd.DataFrame, classes: Sequence[str], round_name: str, name: str
) -> BatchFigures:
    """Count a batch's faces.

    Args:
        faces: of the batch; column duplicate_of.
        labelled: of all batches; columns batch, label.
        classes: the labels that are classes.
        round_name: the round that it is counted in.
        name: of the batch.
    """
    with_class = labelled["label"].isin(classes) & (labelled["batch"] == name)
    return BatchFigures(
        round=round_name,
        name=name,
        faces=len(faces),
        labelled=int(with_class.sum()),
        near_duplicates=int(faces["duplicate_of"].notna().sum()) / max(len(faces), 1),
    )


def known_of(
    faces: pd.DataFrame, labelled: pd.DataFrame, sources: pd.DataFrame, classes: Sequence[str]
) -> pd.DataFrame:
    """Return each face's group, label ("" where it has no class) and what its source tells.

    Args:
        faces: columns face_id, group, source.
        labelled: columns face_id, label.
        sources: columns source and the user's own.
        classes: the labels that are classes.
    """
    label = faces["face_id"].map(labelled.set_index("face_id")["label"])
    label = label.where(label.isin(classes), "")
    known = faces[["group", "source"]].assign(label=label)
    return known.merge(sources, on="source", how="left").fillna("")


def look_at(
    known: pd.DataFrame,
    is_open: np.ndarray,
    embeddings: Rows,
    head: Head,
    rng: np.random.Generator,
) -> BatchFaces:
    """Return a batch's faces, and what the model says of MOST_LOOKED_AT unlabelled ones, or all.

    Args:
        known: (n rows), of `known_of`.
        is_open: bool of shape (n,), the faces that may still be asked about.
        embeddings: of shape (n, d), of all these faces.
        head: the model.
        rng: of the draw.
    """
    kept = np.flatnonzero(is_open | (known["label"] != "").to_numpy())
    unlabelled = np.flatnonzero(is_open[kept])
    looked_at = np.sort(rng.choice(unlabelled, min(MOST_LOOKED_AT, len(unlabelled)), replace=False))
    features = np.asarray(embeddings[kept[looked_at]], dtype=np.float32)
    faces = known.iloc[kept].reset_index(drop=True)
    return BatchFaces(faces, looked_at, features, predict(head, features))


def drawn_at_random(
    labelled: pd.DataFrame, classes: Sequence[str], rejected: Collection[str]
) -> pd.DataFrame:
    """Return the labelled faces that chance had asked about, of rounds that were not rejected."""
    return labelled[
        labelled["inclusion_probability"].notna()
        & labelled["label"].isin(list(classes))
        & ~labelled["round"].isin(list(rejected))
    ]


def unseen_probabilities(
    random: pd.DataFrame, p: np.ndarray, out_of_fold: pd.DataFrame, classes: Sequence[str]
) -> RandomLabels:
    """Return random labels beside probabilities of models that did not train on these faces.

    Args:
        random: columns of LABELLED.
        p: (n, C), of the candidate; for faces that it was trained on, the out-of-fold row stands
            instead, and one without such a row is left out.
        out_of_fold: columns batch, face_id and p_columns.
        classes: the C classes.
    """
    face = ["batch", "face_id"]
    held_out = random[face].merge(out_of_fold, on=face, how="left")[p_columns(classes)].to_numpy()
    trained = (random["split"] == "train").to_numpy()
    p = np.where(trained[:, None], held_out, p)
    known = ~np.isnan(p).any(axis=1)
    labels = random["label"].map(list(classes).index).to_numpy(dtype=np.int64)
    weights = chance_weights(random).to_numpy(dtype=float)
    groups = random["group"].to_numpy()
    return RandomLabels(p[known], labels[known], groups[known], weights[known])


def chance_weights(random: pd.DataFrame) -> pd.Series:
    """Return 1 / inclusion probability of each face, scaled to mean 1 in each round."""
    weights = 1 / random["inclusion_probability"]
    return weights / weights.groupby(random["round"]).transform("mean")
