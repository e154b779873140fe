"""Labels that are probably wrong: those that a model which never saw them finds unlikely."""

import numpy as np
import pandas as pd


def label_quality(labels: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return how likely each label is, in [0, 1]: its self-confidence.

    Kuan and Mueller 2022, Model-agnostic label quality scoring to detect real-world label errors.
    None of cleanlab's scores found clearly more flipped labels: benchmarks/results/label_errors.md.
    cleanlab takes seconds to import, so this score stands here and is tested against it.

    Args:
        labels: int of shape (n,), indices into the classes.
        p: out-of-fold probabilities of shape (n, C).
    """
    return p[np.arange(len(labels)), labels]


def most_suspicious(quality: np.ndarray, face_ids: np.ndarray, size: int) -> np.ndarray:
    """Return positions of the `size` labels of least quality, the worst first; ties go by id."""
    return np.lexsort((face_ids, quality))[:size]


def may_be_asked_again(
    labelled: pd.DataFrame, asked_before: pd.Series, held_out: set[str]
) -> np.ndarray:
    """Return a mask of the training faces whose label may be doubted.

    Not those that several people saw or that were asked again before: the model would ask for the
    same hard faces for ever. And not those near the next over-fitting set, which judges models.

    Args:
        labelled: columns face_id, group, split, votes.
        asked_before: ids of faces that were queued to be relabelled.
        held_out: groups of the next over-fitting set.
    """
    return np.asarray(
        (labelled["split"] == "train")
        & (labelled["votes"] < 2)
        & ~labelled["face_id"].isin(asked_before)
        & ~labelled["group"].isin(list(held_out))
    )
