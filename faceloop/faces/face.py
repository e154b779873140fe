"""A face: its identity, its crop, its sharpness, and what makes it too poor to keep."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from faceloop.crops.boxes import BOX
from faceloop.crops.face_table import LANDMARKS
from faceloop.faces.params import ExtractFaces

# One row is an input, or faces of an input, that gave nothing, and why.
REJECTED = {"source": "str", "reason": "str", "count": "int64"}


Box = tuple[float, float, float, float]  # x0 y0 x1 y1
ROUNDING = 1 / 12  # variance of rounding to whole grey levels
# What is stored, and judged: further digits change with the processor.
PROBABILITY_DECIMALS, SHARPNESS_DECIMALS = 4, 6


class Detections(NamedTuple):
    """The n faces of one picture.

    boxes: float (n, 4), x0 y0 x1 y1 in px; probabilities: float (n,); landmarks: float (n, 5, 2),
    x y in px of left eye, right eye, nose, left and right corner of the mouth.
    """

    boxes: np.ndarray
    probabilities: np.ndarray
    landmarks: np.ndarray


class Given(NamedTuple):
    """The faces of a photo that people gave: x0 y0 x1 y1 in px, or as shares of width and height.

    is_crop: the picture shows nothing else, so that no margin is cut around the box.
    """

    boxes: tuple[Box, ...]
    are_shares: bool = False
    is_crop: bool = False


CROP = Given(((0, 0, 1, 1),), are_shares=True, is_crop=True)


def given_in(size: tuple[int, int], given: Given) -> Detections:
    """Return given faces as detections in a picture of (width, height): certain, no landmarks."""
    boxes = np.array(given.boxes, dtype=float).reshape(-1, 4)
    boxes = boxes * (*size, *size) if given.are_shares else boxes
    return Detections(boxes, np.ones(len(boxes)), np.full((len(boxes), 5, 2), np.nan))


def face_id(source_sha256: str, frame: int | None, box: tuple[int, ...], copy: int = 0) -> str:
    """Return 16 hex digits made from the source's bytes, the frame and the box.

    Args:
        source_sha256: of the source file's bytes.
        frame: index of the decoded video frame; None for a photo.
        box: x0, y0, x1, y1 in whole px.
        copy: 0 for the first of several identical files in a batch, 1 for the next, ...
    """
    parts = [source_sha256, "" if frame is None else str(frame), *map(str, box)]
    parts += [f"copy {copy}"] if copy else []
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def describe_face(
    identity: str, digest: str, box: tuple[int, ...], detected: Detections, at: int
) -> dict[str, Any]:
    """Return the face table's row of the detection `at`, as a photo's face: its group the photo.

    It holds nothing of where the source lies (`in_batch` adds that), and a group is named by the
    source's bytes: one photo in two batches is still one group.
    """
    return {
        "face_id": identity,
        "source_sha256": digest,
        **dict(zip(BOX, box, strict=True)),
        "probability": round(float(detected.probabilities[at]), PROBABILITY_DECIMALS),
        **dict(zip(LANDMARKS, detected.landmarks[at].round().ravel().tolist(), strict=True)),
        "group": digest[:16],
        "duplicate_of": None,
    }


def in_batch(face: dict[str, Any], batch: str, source: str, copy: int) -> dict[str, Any]:
    """Return the row of a face in the `copy`-th file of the same bytes; 0 is the face itself.

    A copy keeps the original's group, points to it, and has an id of its own.
    """
    row = {**face, "batch": batch, "source": source}
    if copy == 0:
        return row
    box = tuple(face[name] for name in BOX)
    return {
        **row,
        "face_id": face_id(face["source_sha256"], face["frame"], box, copy),
        "duplicate_of": face["duplicate_of"] or face["face_id"],
    }


def whole_box(box: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Round a box to whole px and keep it inside a picture of (width, height)."""
    x0, y0, x1, y1 = np.rint(box).astype(int).tolist()
    width, height = size
    across, down = np.clip([x0, x1], 0, width).tolist(), np.clip([y0, y1], 0, height).tolist()
    return across[0], down[0], across[1], down[1]


def crop_face(
    image: Image.Image, box: tuple[int, int, int, int], margin: float, crop_px: int
) -> Image.Image:
    """Cut the square around a box, `margin` times its longer side wider on each side.

    What lies outside the picture is black, so the face keeps its place and shape in the crop.
    """
    x0, y0, x1, y1 = box
    half = max(x1 - x0, y1 - y0, 1) * (0.5 + margin)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    square = image.crop((round(cx - half), round(cy - half), round(cx + half), round(cy + half)))
    return square.resize((crop_px, crop_px), Image.Resampling.LANCZOS, reducing_gap=3.0)


def sharpness(crop: Image.Image) -> float:
    """Return the variance of the grey crop's Laplacian over the variance of the crop itself.

    The variance of the Laplacian (Pech-Pacheco et al. 2000) alone grows with contrast: it would
    call dark faces blurred and throw them out. The ratio does not change with light or contrast,
    once what rounding to whole grey levels adds to both is taken off.
    """
    grey = np.asarray(crop.convert("L"), dtype=np.float64)
    laplacian = (
        grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    )
    signal = max(float(laplacian.var()) - 20 * ROUNDING, 0.0)  # 20 = 4 * 1 + 4 ** 2, its weights
    return round(signal / max(float(grey.var()) - ROUNDING, 1e-6), SHARPNESS_DECIMALS)


def thumbnail(crop: Image.Image) -> np.ndarray:
    """Return the crop as 16 x 16 grey values of mean 0 and length 1: a dot product compares two."""
    grey = np.asarray(crop.convert("L").resize((16, 16), Image.Resampling.BOX), dtype=np.float64)
    centred = (grey - grey.mean()).ravel()
    return centred / max(float(np.linalg.norm(centred)), 1e-9)


def reason_to_reject(
    box: tuple[int, int, int, int], probability: float, sharp: float, settings: ExtractFaces
) -> str:
    """Return why a found face is too poor to keep, or "" where it is good."""
    if max(box[2] - box[0], box[3] - box[1]) < settings.min_face_px:
        return f"face smaller than min_face_px ({settings.min_face_px})"
    if probability < settings.min_probability:
        return f"face below min_probability ({settings.min_probability:g})"
    if sharp < settings.min_sharpness:
        return f"face below min_sharpness ({settings.min_sharpness:g})"
    return ""
