"""Packed crops: the same faces give the same bytes."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import face_rows, lay_crops
from PIL import Image

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR, write_parquet
from faceloop.crops.face_table import PLACE, read_batch
from faceloop.crops.packs import (
    crops_path,
    decode_crop,
    encode_crop,
    read_crops,
    read_packed,
    write_crops,
)

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


def lay(n: int) -> dict[str, bytes]:
    """Lay a batch of n faces, each with a crop that no other has; return the crops."""
    faces = face_rows("pool", n)
    crops = {one: bytes([at]) * (50 + at) for at, one in enumerate(faces["face_id"])}
    lay_crops(faces, crops)
    return crops


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_crops_are_read_at_their_places_as_zipfile_gives_them(project: Any, n: int) -> None:
    crops = lay(n)
    places = read_batch("pool", list(PLACE)).to_numpy()
    assert places.shape == (n, 3) and places.dtype == np.int64
    assert list(read_packed("pool", places)) == list(crops.values())
    with zipfile.ZipFile(crops_path("pool")) as pack:
        assert {f"{one}.jpg": jpeg for one, jpeg in crops.items()} == {
            name: pack.read(name) for name in pack.namelist()
        }


def test_just_the_faces_asked_for_come_in_their_order(project: Any) -> None:
    crops = lay(9)
    for places in ([], [4], [7, 0, 3]):
        asked = [list(crops)[at] for at in places]
        assert list(read_crops("pool", asked)) == [crops[one] for one in asked]


def test_no_face_is_an_empty_pack(project: Any) -> None:
    lay(0)
    assert list(read_crops("pool", [])) == []


def test_a_face_without_a_crop_gets_no_place(project: Any) -> None:
    faces = face_rows("pool", 2)
    with pytest.raises(KeyError):
        lay_crops(faces, {faces["face_id"][0]: b"jpeg"})


def test_a_missing_table_a_missing_pack_and_a_missing_face_are_said(project: Any) -> None:
    with pytest.raises(FaceloopError, match=r"pool\.parquet is not here: run 'dvc repro'"):
        list(read_crops("pool", ["x"]))
    crops = lay(2)
    with pytest.raises(FaceloopError, match="face x is not in batch pool: run 'dvc repro'"):
        list(read_crops("pool", [*crops, "x"]))
    crops_path("pool").unlink()
    with pytest.raises(FaceloopError, match=r"pool\.zip is not here: run 'dvc repro' or"):
        list(read_crops("pool", list(crops)))


def test_a_table_that_an_earlier_faceloop_wrote_or_that_is_damaged_is_said(project: Any) -> None:
    lay(2)
    path = FACES_DIR / "pool.parquet"
    write_parquet(read_batch("pool").drop(columns="crop_at"), path)
    with pytest.raises(FaceloopError, match="pool.parquet: .*crop_at.*run 'dvc repro'"):
        list(read_crops("pool", ["x"]))
    path.write_bytes(b"no table")
    with pytest.raises(FaceloopError, match="pool.parquet: .*run 'dvc repro'"):
        list(read_crops("pool", ["x"]))


def flipped(pack: bytes, at: int) -> bytes:
    return pack[:at] + bytes([pack[at] ^ 1]) + pack[at + 1 :]


@pytest.mark.parametrize(
    "harm",
    [
        lambda pack, at: flipped(pack, at),
        lambda pack, at: flipped(pack, at + 10),
        lambda pack, at: pack[:at],
        lambda pack, at: pack[: at + 10],
        lambda pack, at: pack[1:],
        lambda pack, at: b"PK no more",
        lambda pack, at: b"",
    ],
)
@pytest.mark.parametrize("n", [1, 2])
def test_a_damaged_pack_is_told_with_what_mends_it(project: Any, n: int, harm: Any) -> None:
    crops = lay(n)
    last = read_batch("pool", list(PLACE)).to_numpy()[-1:]
    crops_path("pool").write_bytes(harm(crops_path("pool").read_bytes(), int(last[0, 0])))
    words = rf"pool\.zip: the crop at byte {last[0, 0]} is damaged.*dvc repro -f extract_faces@pool"
    with pytest.raises(FaceloopError, match=words):
        list(read_packed("pool", last))
    with pytest.raises(FaceloopError, match="is damaged"):
        list(read_crops("pool", list(crops)))


def test_a_pack_of_other_faces_is_told(project: Any) -> None:
    crops = lay(2)
    write_crops(dict(zip(crops, reversed(crops.values()), strict=True)), crops_path("pool"))
    with pytest.raises(FaceloopError, match="or of other faces"):
        list(read_crops("pool", list(crops)))


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
