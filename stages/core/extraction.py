"""From the pictures of one source to its faces: what extract_faces keeps and predict counts."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from facenet_pytorch import MTCNN
from PIL import Image

from stages.core.detection import detect
from stages.core.faces import (
    crop_face,
    describe_face,
    face_id,
    reason_to_reject,
    sharpness,
    thumbnail,
    whole_box,
)
from stages.core.settings import ExtractFaces
from stages.core.tracks import Tracker, link_duplicate


class Found(NamedTuple):
    """A face: its row of the face table, and its crop."""

    row: dict[str, Any]
    crop: Image.Image


def find_faces(
    pictures: Iterable[tuple[Image.Image, int | None, float | None]],
    source: str,
    digest: str,
    batch: str,
    mtcnn: MTCNN,
    settings: ExtractFaces,
) -> Iterator[Found | str]:
    """Yield each face of a photo or video, or the reason why one is too poor to keep.

    Args:
        pictures: upright RGB, index of the frame and its time in s; None and None for a photo.
        source: its path, as the face table names it.
        digest: SHA-256 of its bytes.
        batch: named in the rows.
        mtcnn: made with keep_all=True.
        settings: what to keep, and how to cut it.
    """
    tracker = Tracker()
    seen: set[str] = set()
    for image, frame, time_s in pictures:
        detected = detect(mtcnn, image)
        boxes = [whole_box(box, image.size) for box in detected.boxes]
        crops = [crop_face(image, box, settings.margin, settings.crop_px) for box in boxes]
        thumbnails = [thumbnail(crop) for crop in crops]
        tracks = tracker.follow(detected.boxes, thumbnails)
        for at, (box, crop, track) in enumerate(zip(boxes, crops, tracks, strict=True)):
            sharp, probability = sharpness(crop), float(detected.probabilities[at])
            reason = reason_to_reject(box, probability, sharp, settings)
            identity = face_id(digest, frame, box)
            if reason or identity in seen:
                yield reason or "found twice"
                continue
            seen.add(identity)
            row = describe_face(identity, batch, source, digest, box, detected, at)
            row |= {"frame": frame, "time_s": time_s, "sharpness": sharp}
            if frame is not None:
                row["group"] += f"#{track.number:04d}"
                row["duplicate_of"] = link_duplicate(
                    track, identity, thumbnails[at], settings.duplicate_similarity
                )
            yield Found(row, crop)
