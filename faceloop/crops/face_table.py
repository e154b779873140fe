"""The face table of a batch: one row a face."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR, present, read_parquet
from faceloop.base.tables import as_table, stacked
from faceloop.crops.boxes import BOX

LANDMARKS = [
    f"{point}_{axis}"
    for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    for axis in "xy"
]
# One row is a face found in a batch; boxes and landmarks are px in the upright source. A face that
# people gave has probability 1 and no landmarks (NaN).
FOUND = {
    "face_id": "str",
    "batch": "str",
    "source": "str",
    "source_sha256": "str",
    "frame": "Int64",
    "time_s": "Float64",
    **dict.fromkeys(BOX, "int64"),
    "probability": "float64",
    **dict.fromkeys(LANDMARKS, "float64"),
    "sharpness": "float64",
    "group": "str",
    "duplicate_of": "str",
}
# Where its crop lies in the batch's pack: the JPEG's first byte, its length, and its checksum.
PLACE = dict.fromkeys(("crop_at", "crop_bytes", "crop_crc32"), "int64")
FACES = {**FOUND, **PLACE}


def read_faces(batches: Sequence[str], about: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the faces of all `batches`, in their order.

    Args:
        batches: those of params.yaml.
        about: rows with columns asked_id and source: only these faces, and the others of their
            sources, are read. Of a large pool that is what votes can be about.

    Raises:
        FaceloopError: a batch has no table yet, or a table lies there whose batch params.yaml does
            not name (left by a batch taken out: it would make this result differ by machine).
    """
    present = {path.stem for path in FACES_DIR.glob("*.parquet")}
    extra = sorted(present - set(batches))
    if extra:
        raise FaceloopError(
            f"{FACES_DIR}/{extra[0]}.parquet belongs to no batch in params.yaml: "
            f"name the batch there, or run 'rm data/*/{extra[0]}.*'"
        )
    wanted = None
    if about is not None:
        ids, sources = (pa.array(about[name], pa.large_string()) for name in ("asked_id", "source"))
        wanted = pc.field("face_id").isin(ids) | pc.field("source").isin(sources)
    tables = [read_parquet(FACES_DIR / f"{batch}.parquet", filters=wanted) for batch in batches]
    return stacked(tables, FACES)


def read_batch(
    batch: str, columns: list[str] | None = None, face_ids: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the faces of one batch, in its order; of a large one, only what is needed.

    Args:
        batch: the batch.
        columns: only these.
        face_ids: only these faces, as far as they are there.

    Raises:
        FaceloopError: the batch has no face table yet, or one of an earlier faceloop.
    """
    wanted = None
    if face_ids is not None:
        wanted = pc.field("face_id").isin(pa.array(list(face_ids), pa.large_string()))
    return read_parquet(FACES_DIR / f"{batch}.parquet", columns, wanted)


def read_batch_rows(batch: str, rows: np.ndarray) -> pd.DataFrame:
    """Return just these rows of a batch's face table, in their order; the others are passed over.

    Raises:
        FaceloopError: the batch has no face table yet.
    """
    from pyarrow.dataset import dataset  # a fifth of a second, which `faceloop status` can spare

    path = present(FACES_DIR / f"{batch}.parquet")
    return as_table(dataset(path).take(pa.array(rows, pa.int64())).to_pandas(), FACES)
