"""Packed crops: the same faces give the same bytes."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from faceloop.base.errors import FaceloopError
from faceloop.crops.packs import crops_path, decode_crop, encode_crop, read_crops, write_crops

CROPS = {f"{at:016x}": bytes([at]) * 50 for at in range(9)}


def test_the_bytes_do_not_depend_on_the_order(tmp_path: Path) -> None:
    write_crops(CROPS, tmp_path / "a.zip")
    write_crops(dict(reversed(CROPS.items())), tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_crops_are_stored_sorted_and_without_a_clock(tmp_path: Path) -> None:
    write_crops(dict(reversed(CROPS.items())), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as pack:
        assert pack.namelist() == [f"{face_id}.jpg" for face_id in sorted(CROPS)]
        assert {one.compress_type for one in pack.infolist()} == {zipfile.ZIP_STORED}
        assert {one.date_time for one in pack.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_just_the_faces_asked_for_come_in_their_order(project: Any) -> None:
    write_crops(CROPS, crops_path("pool"))
    asked = [f"{at:016x}" for at in (7, 0, 3)]
    assert list(read_crops("pool", asked)) == [CROPS[one] for one in asked]


def test_no_face_is_an_empty_pack(project: Any) -> None:
    write_crops({}, crops_path("pool"))
    assert list(read_crops("pool", [])) == []


def test_a_missing_pack_a_missing_face_and_a_damaged_pack_are_said(project: Any) -> None:
    with pytest.raises(
        FaceloopError, match=r"pool\.zip is not here: run 'dvc repro' or 'dvc pull'"
    ):
        list(read_crops("pool", ["x"]))
    write_crops(CROPS, crops_path("pool"))
    with pytest.raises(FaceloopError, match="x.jpg.*dvc repro -f extract_faces@pool"):
        list(read_crops("pool", ["x"]))
    crops_path("pool").write_bytes(b"PK no more")
    with pytest.raises(FaceloopError, match="dvc repro -f extract_faces@pool"):
        list(read_crops("pool", ["x"]))


def test_a_crop_comes_back_nearly_as_it_was() -> None:
    values = np.linspace(0, 255, 160)
    pixels = np.stack(
        [np.tile(values, (160, 1)), np.tile(values[:, None], (1, 160)), np.full((160, 160), 90)], -1
    )
    back = decode_crop(encode_crop(Image.fromarray(pixels.astype(np.uint8))))
    assert back.dtype == np.uint8 and back.shape == (160, 160, 3)
    assert np.abs(back - pixels).mean() < 2


def test_colour_is_kept_at_full_resolution() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (255, 0, 0), (0, 0, 255)
    back = decode_crop(encode_crop(Image.fromarray(stripes)))
    assert back[:, ::2, 0].mean() > 220 and back[:, 1::2, 0].mean() < 35
