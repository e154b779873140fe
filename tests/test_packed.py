"""Packed crops are found by their places: just the bytes that zipfile gives, or a clear error."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceloop.base.errors import FaceloopError
from faceloop.crops.packed import locate_crops, read_packed
from faceloop.crops.packs import crops_path, read_crops, write_crops

CROPS = {f"{at * 977:016x}": bytes([at]) * (50 + at) for at in range(9)}
ANEW = "dvc repro -f extract_faces@pool"


def read(face_ids: list[str]) -> list[bytes]:
    names = np.array(face_ids, dtype=bytes)
    return list(read_packed("pool", names, locate_crops("pool", names)))


def test_crops_are_those_that_zipfile_gives(project: Any) -> None:
    write_crops(CROPS, crops_path("pool"))
    asked = [list(CROPS)[at] for at in (7, 0, 8, 3)]
    assert read(asked) == list(read_crops("pool", asked)) == [CROPS[one] for one in asked]


def test_no_face_is_no_place(project: Any) -> None:
    write_crops({}, crops_path("pool"))
    assert read([]) == []
    with pytest.raises(FaceloopError, match=f"there is no aa.jpg in it.*{ANEW}"):
        read(["aa"])


def test_a_missing_pack_and_a_missing_face_are_said(project: Any) -> None:
    with pytest.raises(
        FaceloopError, match=r"pool\.zip is not here: run 'dvc repro' or 'dvc pull'"
    ):
        read(["a" * 16])
    write_crops(CROPS, crops_path("pool"))
    for lacking in ("0" * 15 + "1", "f" * 16, "x"):
        with pytest.raises(FaceloopError, match=f"there is no {lacking}.jpg in it.*{ANEW}"):
            read([next(iter(CROPS)), lacking])


def compressed(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for face_id, jpeg in CROPS.items():
            pack.writestr(f"{face_id}.jpg", jpeg)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def no_zip(path: Path) -> None:
    path.write_bytes(b"PK no more")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [compressed, cut_short, no_zip, empty])
def test_another_or_a_damaged_pack_is_to_be_made_anew(project: Any, harm: Any) -> None:
    write_crops(CROPS, crops_path("pool"))
    harm(crops_path("pool"))
    with pytest.raises(FaceloopError, match=f"pool.zip.*{ANEW}"):
        read(list(CROPS))


@pytest.mark.parametrize("at", [0, 30, 60])
def test_a_crop_that_changed_in_its_place_is_not_read(project: Any, at: int) -> None:
    write_crops(CROPS, crops_path("pool"))
    names = np.array(list(CROPS), dtype=bytes)
    offsets = locate_crops("pool", names)
    content = bytearray(crops_path("pool").read_bytes())
    content[offsets[4] + at] ^= 1
    crops_path("pool").write_bytes(content)
    with pytest.raises(FaceloopError, match=f"{list(CROPS)[4]} is damaged in it.*{ANEW}"):
        list(read_packed("pool", names, offsets))
    crops_path("pool").write_bytes(content[: offsets[4]])
    with pytest.raises(FaceloopError, match=f"{list(CROPS)[4]} lies behind its end.*{ANEW}"):
        list(read_packed("pool", names, offsets))
