"""From the pictures of one source to its faces: what extract_faces keeps and predict counts."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from faceloop.crops.boxes import BOX
from faceloop.faces.detection import detect
from faceloop.faces.face import (
    Detections,
    Given,
    crop_face,
    describe_face,
    face_id,
    given_in,
    reason_to_reject,
    sharpness,
    thumbnail,
    whole_box,
)
from faceloop.faces.params import ExtractFaces
from faceloop.faces.tracks import Held, Track, Tracker, hold, link_duplicate
from faceloop.weights.mtcnn import Mtcnn

# Correlation of 16 x 16 grey crops: within a track, where it is one face at one time anyhow.
DUPLICATE_SIMILARITY = 0.9


class FoundFace(NamedTuple):
    """A face: its row of the face table but for batch and source, and its crop."""

    row: dict[str, Any]
    crop: Image.Image


class Looked(NamedTuple):
    """A picture that was looked at: index of the frame and its time in s (None and None of a
    photo), and of its n faces what was detected, whole boxes, crops and thumbnails.
    """

    frame: int | None
    time_s: float | None
    detected: Detections
    boxes: list[tuple[int, int, int, int]]
    crops: list[Image.Image]
    thumbnails: list[np.ndarray]


Picture = tuple[Image.Image, int | None, float | None]


def look(
    picture: Picture, mtcnn: Mtcnn, settings: ExtractFaces, given: Given | None = None
) -> Looked:
    """Find and cut the faces of one picture; of all the work this is nearly everything.

    It takes one thread: several pictures are looked at side by side, each on a thread of its own,
    and how many threads torch may use is a setting of the thread that calls it.

    Args:
        picture: upright RGB, index of the frame and its time in s; None and None for a photo.
        mtcnn: its weights, and how it looks for faces.
        settings: how to cut.
        given: the faces, where nothing is to be detected.
    """
    image, frame, time_s = picture
    torch.set_num_threads(1)
    if given is None:
        detected = detect(mtcnn, image, getattr(torch, settings.precision))
    else:
        detected = given_in(image.size, given)
    boxes = [whole_box(box, image.size) for box in detected.boxes]
    margin = 0.0 if given and given.is_crop else settings.margin
    crops = [crop_face(image, box, margin, settings.crop_px) for box in boxes]
    return Looked(frame, time_s, detected, boxes, crops, [thumbnail(crop) for crop in crops])


def find_faces(
    pictures: Iterable[Looked], digest: str, settings: ExtractFaces, per_track: int | None
) -> Iterator[FoundFace | str]:
    """Yield each face of a photo or video, or the reason why one is too poor to keep.

    Args:
        pictures: in the order of time.
        digest: SHA-256 of the source's bytes.
        settings: what to keep.
        per_track: how many faces of a track, the best and most varied ones; they are held until it
            ends, so that memory does not grow with a video's length. None: all, each at once.
    """
    tracker = Tracker()
    for picture in pictures:
        seen: set[str] = set()
        tracks, ended = tracker.follow(picture.detected.boxes, picture.thumbnails)
        for track in ended:
            yield from _linked(track, track.held, settings)
        for at, track in enumerate(tracks):
            found = _describe(picture, at, digest, track, settings)
            if isinstance(found, str) or found.row["face_id"] in seen:
                yield found if isinstance(found, str) else "found twice"
                continue
            seen.add(found.row["face_id"])
            held = Held(found, picture.thumbnails[at], _quality(found))
            if picture.frame is None:
                yield found
            elif per_track is None:
                yield from _linked(track, [held], settings)
            elif hold(track, held, per_track):
                yield f"track has better faces: faces_per_track ({per_track})"
    for track in tracker.end():
        yield from _linked(track, track.held, settings)


def _describe(
    picture: Looked, at: int, digest: str, track: Track, settings: ExtractFaces
) -> FoundFace | str:
    """Return a picture's face `at` with its row, or why it is too poor."""
    box, crop, detected = picture.boxes[at], picture.crops[at], picture.detected
    sharp = sharpness(crop)
    row = describe_face(face_id(digest, picture.frame, box), digest, box, detected, at)
    reason = reason_to_reject(box, row["probability"], sharp, settings)
    if reason:
        return reason
    row |= {"frame": picture.frame, "time_s": picture.time_s, "sharpness": sharp}
    if picture.frame is not None:
        row["group"] += f"#{track.number:04d}"
    return FoundFace(row, crop)


def _quality(found: FoundFace) -> float:
    """Return how much a crop shows: its sharpness times its box's longer side in px."""
    x0, y0, x1, y1 = (found.row[name] for name in BOX)
    return float(found.row["sharpness"] * max(x1 - x0, y1 - y0))


def _linked(track: Track, held: Iterable[Held], settings: ExtractFaces) -> Iterator[FoundFace]:
    """Yield faces of a track, near-duplicates linked to the earlier face that they repeat."""
    for one in held:
        one.face.row["duplicate_of"] = link_duplicate(
            track, one.face.row["face_id"], one.thumbnail, DUPLICATE_SIMILARITY
        )
        yield one.face
