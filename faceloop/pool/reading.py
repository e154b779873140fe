"""Reading the pool: the last batch's faces, their embeddings, and all that is labelled."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from faceloop.base.blocks import Loop
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import DUPLICATES_DIR, LABELLED_DIR, read_csv, read_parquet
from faceloop.crops.face_table import read_batch
from faceloop.pool.features import StoredEmbeddings
from faceloop.pool.labelled import LABELLED

JURY_DIR = Path("data/jury")
POOL = ["face_id", "group", "duplicate_of"]


class PoolTables(NamedTuple):
    """faces: columns of POOL; labelled: all rounds."""

    faces: pd.DataFrame
    labelled: pd.DataFrame


def pool_batch(settings: Loop) -> str:
    """Return the batch that faces are picked from.

    Raises:
        FaceloopError: there is no batch yet.
    """
    if settings.pool is None:
        raise FaceloopError("params.yaml: batches is empty: run 'faceloop next --batch NAME'")
    return settings.pool


def read_pool(settings: Loop, *more: str) -> PoolTables:
    """Return the tables that the sampling stages pick from.

    Args:
        settings: batches and the candidate round.
        more: columns of the face table beside those of POOL.

    Raises:
        FaceloopError: there is no batch yet.
    """
    labelled = read_csv(LABELLED_DIR / f"{settings.rounds.candidate}.csv", LABELLED)
    return PoolTables(read_distinct(pool_batch(settings), *more), labelled)


def pool_embeddings(settings: Loop, faces: pd.DataFrame) -> StoredEmbeddings:
    """Return the embeddings (n_faces, d) of the pool's faces, on disk.

    Raises:
        FaceloopError: they are not of these faces.
    """
    embeddings = StoredEmbeddings(pool_batch(settings))
    if len(faces) != len(embeddings):
        raise FaceloopError(
            f"batch {settings.pool} has {len(faces)} faces and {len(embeddings)} embeddings: "
            "run 'dvc repro'"
        )
    return embeddings


def read_distinct(batch: str, *more: str) -> pd.DataFrame:
    """Return a batch's faces, `duplicate_of` being what extraction and link_duplicates found.

    It names an original always, never a copy: where the original of a copy was linked to another
    face, the copy is that one's too.

    Raises:
        FaceloopError: the face table or the table of links is not here.
    """
    faces = read_batch(batch, [*POOL, *more])
    links = read_parquet(DUPLICATES_DIR / f"{batch}.parquet")
    original = dict(zip(links["face_id"], links["duplicate_of"], strict=True))
    for column in ("duplicate_of", "face_id"):
        linked = faces[column].isin(links["face_id"])
        faces.loc[linked, "duplicate_of"] = faces.loc[linked, column].map(original)
    return faces


def read_jury(batch: str, faces: int) -> pd.DataFrame:
    """Return a batch's jury, a row a face: columns JURY.

    Raises:
        FaceloopError: it is not here, or not of so many faces.
    """
    jury = read_parquet(JURY_DIR / f"{batch}.parquet")
    if len(jury) != faces:
        raise FaceloopError(
            f"batch {batch} has {faces} faces and its jury {len(jury)}: run 'dvc repro'"
        )
    return jury
