"""Packed crops: one stored zip a batch, byte-identical whenever it is made from the same faces."""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR, present
from faceloop.base.tables import as_table
from faceloop.crops.face_table import FACES, FOUND, PLACE, read_batch

EPOCH = (1980, 1, 1, 0, 0, 0)


def crops_path(batch: str) -> Path:
    """Return where a batch's crops lie."""
    return FACES_DIR / f"{batch}.zip"


def encode_crop(crop: Image.Image) -> bytes:
    """Return a crop as JPEG, with full colour resolution: eyes and lips are a few pixels wide."""
    buffer = io.BytesIO()
    crop.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def write_crops(crops: Mapping[str, bytes], path: Path) -> pd.DataFrame:
    """Pack crops by face_id as `<face_id>.jpg`: stored, names sorted, timestamps fixed.

    Returns:
        Where each crop lies: columns of PLACE, by face_id.
    """
    face_ids = sorted(crops)
    places = np.empty((len(face_ids), len(PLACE)), dtype=np.int64)
    with (
        replacing(path) as partial,
        partial.open("wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as pack,
    ):
        for row, face_id in enumerate(face_ids):
            jpeg = crops[face_id]
            pack.writestr(zipfile.ZipInfo(f"{face_id}.jpg", EPOCH), jpeg)
            places[row] = file.tell() - len(jpeg), len(jpeg), zlib.crc32(jpeg)
    return pd.DataFrame(places, pd.Index(face_ids, dtype="str"), list(PLACE))


def with_places(faces: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Return a face table of faces (columns FOUND) and of the places of their crops.

    Raises:
        KeyError: a face has no crop.
    """
    return as_table(faces[list(FOUND)].join(places.loc[faces["face_id"]], on="face_id"), FACES)


def read_packed(batch: str, places: np.ndarray) -> Iterator[bytes]:
    """Yield the JPEG bytes of crops, in the order of their places.

    Args:
        batch: the batch.
        places: int64 of shape (n, 3), PLACE in its face table.

    Raises:
        FaceloopError: the pack is not there, is damaged, or is not that of the table.
    """
    with present(crops_path(batch)).open("rb") as pack:
        for at, size, checksum in places.tolist():
            pack.seek(at)
            jpeg = pack.read(size)
            if (len(jpeg), zlib.crc32(jpeg)) != (size, checksum):
                raise FaceloopError(
                    f"{crops_path(batch)}: the crop at byte {at} is damaged, or of other faces; "
                    f"run 'dvc repro -f extract_faces@{batch}'"
                )
            yield jpeg


def read_crops(batch: str, face_ids: Sequence[str]) -> Iterator[bytes]:
    """Yield the JPEG bytes of just these faces, in their order.

    Raises:
        FaceloopError: as `read_packed`, or the face table lacks a face.
    """
    here = read_batch(batch, ["face_id", *PLACE], face_ids)
    rows = pd.Index(here["face_id"]).get_indexer(list(face_ids))
    if (rows < 0).any():
        missing = list(face_ids)[int(rows.argmin())]
        raise FaceloopError(f"face {missing} is not in batch {batch}: run 'dvc repro'")
    yield from read_packed(batch, here[list(PLACE)].to_numpy()[rows])


def decode_crop(jpeg: bytes) -> np.ndarray:
    """Return a crop as uint8 of shape (h, w, 3), RGB."""
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as crop:
        return np.asarray(crop.convert("RGB"))
