"""A face: its id, its crop, its sharpness, and what makes it too poor to keep."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from faceloop.commands.settings import read_settings
from faceloop.crops.face_table import FOUND
from faceloop.faces.face import (
    Detections,
    crop_face,
    describe_face,
    face_id,
    in_batch,
    reason_to_reject,
    sharpness,
    thumbnail,
    whole_box,
)
from faceloop.faces.params import ExtractFaces

ROOT = Path(__file__).resolve().parents[1]

SHA = hashlib.sha256(b"photo").hexdigest()
BOX = (10, 20, 70, 90)
SETTINGS = ExtractFaces(
    frames_per_second=2,
    min_face_px=24,
    min_probability=0.9,
    min_sharpness=0.01,
    margin=0.2,
    crop_px=160,
    faces_per_track=24,
    max_megapixels=100,
    stall_seconds=120,
    precision="float32",
)


def texture(seed: int = 0, size: int = 160) -> np.ndarray:
    """Return a grey picture with soft structure, in 60 to 200."""
    noise = np.random.default_rng(seed).integers(0, 255, (size // 2, size // 2), dtype=np.uint8)
    big = Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(big, dtype=float) / 255 * 140 + 60


def picture(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(values).astype(np.uint8)).convert("RGB")


def test_a_face_id_never_changes() -> None:
    # Votes name faces by it: another formula would orphan every label.
    assert (
        face_id(SHA, None, BOX) == hashlib.sha256(f"{SHA}||10|20|70|90".encode()).hexdigest()[:16]
    )
    assert face_id(SHA, 7, BOX) == hashlib.sha256(f"{SHA}|7|10|20|70|90".encode()).hexdigest()[:16]


def test_a_face_id_is_16_hex_digits_and_tells_faces_apart() -> None:
    ids = [
        face_id(SHA, None, BOX),
        face_id(SHA, 0, BOX),
        face_id(SHA, 1, BOX),
        face_id(SHA, None, (10, 20, 70, 91)),
        face_id(SHA, None, BOX, copy=1),
        face_id(SHA, None, BOX, copy=2),
        face_id(hashlib.sha256(b"other").hexdigest(), None, BOX),
    ]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in ids)


def test_a_photos_face_has_the_tables_columns_but_those_of_its_picture() -> None:
    detected = Detections(
        np.array([BOX], float), np.array([0.987654321]), np.full((1, 5, 2), 12.34)
    )
    row = describe_face("f" * 16, SHA, BOX, detected, 0)
    assert set(FOUND) - set(row) == {"batch", "source", "frame", "time_s", "sharpness"}
    assert row["group"] == SHA[:16] and row["duplicate_of"] is None
    assert (row["probability"], row["nose_x"]) == (0.9877, 12)


def row_of() -> dict:  # type: ignore[type-arg]
    detected = Detections(np.array([BOX], float), np.array([0.99]), np.zeros((1, 5, 2)))
    return describe_face(face_id(SHA, None, BOX), SHA, BOX, detected, 0) | {"frame": None}


def test_copy_0_is_the_face_itself() -> None:
    row = row_of()
    assert in_batch(row, "pool", "1.jpg", 0) == row | {"batch": "pool", "source": "1.jpg"}


def test_a_copy_has_its_own_id_and_points_to_the_original() -> None:
    row = row_of()
    twin = in_batch(row, "pool", "b/1.jpg", 1)
    assert twin["face_id"] == face_id(SHA, None, BOX, 1) != row["face_id"]
    assert (twin["source"], twin["duplicate_of"]) == ("b/1.jpg", row["face_id"])
    assert twin["group"] == row["group"]


def test_a_copy_of_a_near_duplicate_points_to_what_it_repeats() -> None:
    row = row_of() | {"frame": 3, "duplicate_of": "0" * 16}
    assert in_batch(row, "pool", "b.mp4", 1)["duplicate_of"] == "0" * 16


def test_a_box_is_rounded_and_kept_inside() -> None:
    assert whole_box(np.array([-3.2, 1.5, 99.6, 70.4]), (90, 60)) == (0, 2, 90, 60)
    assert whole_box(np.array([1.4, 2.6, 30.0, 40.0]), (90, 60)) == (1, 3, 30, 40)


def test_a_crop_is_square_with_its_margin_around_the_box() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[50:150, 50:150] = 255  # the box, in white
    crop = np.asarray(crop_face(Image.fromarray(pixels), (50, 50, 150, 150), 0.2, 140))
    assert crop.shape == (140, 140, 3)
    white = np.flatnonzero(crop[70, :, 0] > 127)
    assert (white[0], white[-1]) == (20, 119)


def test_a_tall_box_is_not_squeezed() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[50:150, 80:120] = 255
    crop = np.asarray(crop_face(Image.fromarray(pixels), (80, 50, 120, 150), 0.0, 100))
    assert (crop[50, :, 0] > 127).sum() == 40 and (crop[:, 50, 0] > 127).sum() == 100


@pytest.mark.parametrize(
    ("box", "side"), [((0, 0, 40, 40), "before"), ((60, 60, 100, 100), "after")]
)
def test_a_crop_is_black_outside_the_picture(box: tuple[int, int, int, int], side: str) -> None:
    white = Image.new("RGB", (100, 100), "white")
    crop = np.asarray(crop_face(white, box, 0.5, 80))
    outside = slice(0, 18) if side == "before" else slice(62, 80)
    assert crop[outside].max() == 0 and crop[:, outside].max() == 0
    assert crop[24:56, 24:56].min() == 255


def naive_sharpness(grey: np.ndarray) -> float:
    values = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, grey.shape[0] - 1)
        for x in range(1, grey.shape[1] - 1)
    ]
    return float(np.var(values) / np.var(grey))


def test_sharpness_equals_the_definition() -> None:
    grey = np.asarray(picture(texture(size=48)).convert("L"), dtype=float)
    assert sharpness(picture(texture(size=48))) == pytest.approx(naive_sharpness(grey), rel=1e-3)


@pytest.mark.parametrize(("contrast", "brightness"), [(1, 50), (1, -55), (0.5, 0), (0.3, -10)])
def test_sharpness_does_not_change_with_light(contrast: float, brightness: float) -> None:
    # A measure that did would throw out more dark faces than light ones.
    values = texture()
    changed = (values - 60) * contrast + 60 + brightness
    assert changed.min() >= 0 and changed.max() <= 255
    assert sharpness(picture(changed)) == pytest.approx(sharpness(picture(values)), rel=0.15)


def test_a_smear_is_rejected_in_dim_light_as_in_bright() -> None:
    noise = np.random.default_rng(0).normal(size=(200, 200))
    smear = gaussian_filter(noise, 14)[20:180, 20:180]
    smear = (smear - smear.mean()) / smear.std()
    found = [sharpness(picture(128 + contrast * smear)) for contrast in (50, 25, 12)]
    assert max(found) < read_settings(ROOT / "params.yaml").extract_faces.min_sharpness


def test_sharpness_falls_with_blur() -> None:
    sharp = picture(texture())
    found = [sharpness(sharp.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4)]
    assert found == sorted(found, reverse=True) and found[0] > 5 * found[-1]


def test_a_crop_of_one_colour_has_no_sharpness() -> None:
    assert sharpness(Image.new("RGB", (160, 160), "grey")) == 0


def test_thumbnails_compare_by_a_dot_product() -> None:
    first, other = picture(texture(0)), picture(texture(1))
    one = thumbnail(first)
    assert one.shape == (256,)
    assert (one.mean(), one @ one) == (pytest.approx(0, abs=1e-12), pytest.approx(1))
    assert one @ thumbnail(picture(texture(0) * 0.5 + 10)) > 0.99
    assert abs(one @ thumbnail(other)) < 0.5
    assert not thumbnail(Image.new("RGB", (160, 160), "grey")).any()


@pytest.mark.parametrize(
    ("box", "probability", "sharp", "reason"),
    [
        ((0, 0, 24, 10), 0.9, 0.01, ""),
        ((0, 0, 23, 23), 0.99, 1.0, "min_face_px (24)"),
        ((0, 0, 40, 40), 0.8999, 1.0, "min_probability (0.9)"),
        ((0, 0, 40, 40), 0.99, 0.0099, "min_sharpness (0.01)"),
    ],
)
def test_reasons_to_reject_name_the_param_and_its_value(
    box: tuple[int, int, int, int], probability: float, sharp: float, reason: str
) -> None:
    found = reason_to_reject(box, probability, sharp, SETTINGS)
    assert reason in found and bool(found) == bool(reason)
