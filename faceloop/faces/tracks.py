"""Tracks of one face through a video, and its near-duplicates in neighbouring frames."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from faceloop.crops.boxes import iou, match_boxes

# Frames lie half a second apart, so boxes are grown by their own size before they are compared
# (buffered IoU: Yang et al., C-BIoU, 2023), and what overlaps must also look alike.
BUFFER = 1.0
MIN_OVERLAP = 0.2
MIN_SIMILARITY = 0.3
DECIMALS = 9  # of a correlation: rounding must not part faces that are as alike


class Held(NamedTuple):
    """A face of a track that is held until the track ends: itself, how it looks, how good it is."""

    face: Any
    thumbnail: np.ndarray
    quality: float


@dataclass
class Track:
    """One face through a shot: where and how it was last seen, its distinct crops so far, and the
    faces that are held until it ends.
    """

    number: int
    box: np.ndarray
    thumbnail: np.ndarray
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)


class Tracker:
    """Links the same face in neighbouring sampled frames; feed it frame by frame."""

    def __init__(self) -> None:
        self._alive: list[Track] = []
        self._started = 0

    def follow(
        self, boxes: np.ndarray, thumbnails: list[np.ndarray]
    ) -> tuple[list[Track], list[Track]]:
        """Return the track of each face of the next frame, and the tracks that are not met in it.

        The latter have ended.

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
        met = {track.number for track in tracks}
        ended = [track for track in self._alive if track.number not in met]
        self._alive = tracks
        return tracks, ended

    def end(self) -> list[Track]:
        """Return the tracks that the video's end ends."""
        ended, self._alive = self._alive, []
        return ended


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
    alike = {kept: round(float(one @ thumbnail), DECIMALS) for kept, one in track.kept.items()}
    likest = max(alike, key=alike.__getitem__, default=None)
    if likest is not None and alike[likest] >= min_similarity:
        return likest
    track.kept[face_id] = thumbnail
    return None


def hold(track: Track, one: Held, limit: int) -> bool:
    """Hold a face, at most `limit` of the track; return whether one was dropped for it.

    Of the two that look most alike (pose, expression, light) the worse is dropped, so that good
    faces stay and different ones do.
    """
    track.held.append(one)
    if len(track.held) <= limit:
        return False
    looks = np.array([held.thumbnail for held in track.held])
    alike = np.triu(
        (looks @ looks.T).round(DECIMALS) + 2, k=1
    )  # correlations are at least -1: others are less
    first, second = np.unravel_index(int(np.argmax(alike)), alike.shape)
    worse = second if track.held[second].quality <= track.held[first].quality else first
    del track.held[int(worse)]
    return True
