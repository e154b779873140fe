"""Tracks of one face through a video, and its near-duplicates in neighbouring frames."""

from dataclasses import dataclass, field

import numpy as np

from stages.core.anchors import iou, match_boxes

# Frames lie half a second apart, so boxes are grown by their own size before they are compared
# (buffered IoU: Yang et al., C-BIoU, 2023), and what overlaps must also look alike.
BUFFER = 1.0
MIN_OVERLAP = 0.2
MIN_SIMILARITY = 0.3


@dataclass
class Track:
    """One face through a shot: where and how it was last seen, and its distinct crops so far."""

    number: int
    box: np.ndarray
    thumbnail: np.ndarray
    kept: dict[str, np.ndarray] = field(default_factory=dict)


class Tracker:
    """Links the same face in neighbouring sampled frames; feed it frame by frame."""

    def __init__(self) -> None:
        self._alive: list[Track] = []
        self._started = 0

    def follow(self, boxes: np.ndarray, thumbnails: list[np.ndarray]) -> list[Track]:
        """Return the track of each face of the next frame; a track not met in it ends.

        Args:
            boxes: float of shape (n, 4).
            thumbnails: n crops from `faces.thumbnail`.
        """
        overlap = iou(_grown([track.box for track in self._alive]), _grown(list(boxes)))
        if overlap.size:
            seen = np.array([track.thumbnail for track in self._alive])
            overlap[seen @ np.array(thumbnails).T < MIN_SIMILARITY] = 0
        matched = {at: self._alive[old] for old, at in match_boxes(overlap, MIN_OVERLAP)}
        tracks = []
        for at, (box, thumbnail) in enumerate(zip(boxes, thumbnails, strict=True)):
            track = matched.get(at)
            if track is None:
                track = Track(self._started, box, thumbnail)
                self._started += 1
            track.box, track.thumbnail = box, thumbnail
            tracks.append(track)
        self._alive = tracks
        return tracks


def _grown(boxes: list[np.ndarray]) -> np.ndarray:
    """Return boxes (n, 4), grown on each side by BUFFER times their longer side."""
    stacked = np.array(boxes, dtype=float).reshape(-1, 4)
    by = BUFFER * np.max(stacked[:, 2:] - stacked[:, :2], axis=1, initial=0)[:, None]
    return stacked + np.hstack([-by, -by, by, by])


def link_duplicate(
    track: Track, face_id: str, thumbnail: np.ndarray, min_similarity: float
) -> str | None:
    """Return the earlier face of the track that this one nearly repeats, or None.

    A face that repeats none is kept in the track as one that later faces are compared with.

    Args:
        track: changed where the face is new to it.
        face_id: of the face.
        thumbnail: from `faces.thumbnail`.
        min_similarity: least correlation of thumbnails that makes two faces near-duplicates.
    """
    likest = max(track.kept, key=lambda kept: float(track.kept[kept] @ thumbnail), default=None)
    if likest is not None and track.kept[likest] @ thumbnail >= min_similarity:
        return likest
    track.kept[face_id] = thumbnail
    return None
