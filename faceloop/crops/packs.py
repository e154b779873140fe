"""Packed crops: one stored zip a batch, byte-identical whenever it is made from the same faces."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR, present

EPOCH = (1980, 1, 1, 0, 0, 0)


def crops_path(batch: str) -> Path:
    """Return where a batch's crops lie."""
    return FACES_DIR / f"{batch}.zip"


def encode_crop(crop: Image.Image) -> bytes:
    """Return a crop as JPEG, with full colour resolution: eyes and lips are a few pixels wide."""
    buffer = io.BytesIO()
    crop.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def write_crops(crops: Mapping[str, bytes], path: Path) -> None:
    """Pack crops by face_id as `<face_id>.jpg`: stored, names sorted, timestamps fixed."""
    with replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as pack:
        for face_id in sorted(crops):
            pack.writestr(zipfile.ZipInfo(f"{face_id}.jpg", EPOCH), crops[face_id])


@contextmanager
def opened(batch: str) -> Iterator[zipfile.ZipFile]:
    """Yield a batch's pack.

    Raises:
        FaceloopError: it is not there, is damaged, or lacks what is asked of it.
    """
    try:
        with zipfile.ZipFile(present(crops_path(batch))) as pack:
            yield pack
    except (KeyError, zipfile.BadZipFile) as error:
        raise to_be_made_anew(batch, str(error)) from error


def to_be_made_anew(batch: str, reason: str) -> FaceloopError:
    """Return the error that says what is wrong with a pack, and how it is mended."""
    return FaceloopError(f"{crops_path(batch)}: {reason}; run 'dvc repro -f extract_faces@{batch}'")


def read_crops(batch: str, face_ids: Sequence[str]) -> Iterator[bytes]:
    """Yield the JPEG bytes of just these faces, in their order.

    Raises:
        FaceloopError: the pack is not there, or lacks a face.
    """
    with opened(batch) as pack:
        for face_id in face_ids:
            yield pack.read(f"{face_id}.jpg")


def decode_crop(jpeg: bytes) -> np.ndarray:
    """Return a crop as uint8 of shape (h, w, 3), RGB."""
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as crop:
        return np.asarray(crop.convert("RGB"))
