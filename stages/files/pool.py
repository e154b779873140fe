"""Reading the pool: the last batch's faces, their embeddings, and all that is labelled."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.core.errors import FaceloopError
from stages.core.records import LABELLED
from stages.core.settings import Settings
from stages.files.tables import LABELLED_DIR, read_batch, read_csv, read_embeddings


class PoolTables(NamedTuple):
    """faces: the batch's table; embeddings: (n_faces, d), memory-mapped; labelled: all rounds."""

    faces: pd.DataFrame
    embeddings: np.ndarray
    labelled: pd.DataFrame


def pool_batch(settings: Settings) -> str:
    """Return the batch that faces are picked from.

    Raises:
        FaceloopError: there is no batch yet.
    """
    if settings.pool is None:
        raise FaceloopError("params.yaml: batches is empty: run 'faceloop next --batch NAME'")
    return settings.pool


def read_pool(settings: Settings) -> PoolTables:
    """Return the tables that the sampling stages pick from.

    Raises:
        FaceloopError: there is no batch yet, or its embeddings are not of these faces.
    """
    batch = pool_batch(settings)
    faces, embeddings = read_batch(batch), read_embeddings(batch)
    if len(faces) != len(embeddings):
        raise FaceloopError(
            f"batch {batch} has {len(faces)} faces and {len(embeddings)} embeddings: "
            "run 'dvc repro'"
        )
    labelled = read_csv(LABELLED_DIR / f"{settings.rounds.candidate}.csv", LABELLED)
    return PoolTables(faces, embeddings, labelled)
