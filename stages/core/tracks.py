"""Tracks of one face through a video, and its near-duplicates in neighbouring frames."""

from dataclasses import dataclass, field

import numpy as np

from stages.core.anchors import iou, match_boxes

MIN_OVERLAP = 0.3  # of a face's boxes in neighbouring frames (SORT, Bewley et al. 2016)


@dataclass
class Track:
    """One face through a shot: its last box, and the thumbnails and ids of its distinct crops."""

    number: int
    box: np.ndarray
    thumbnails: list[np.ndarray] = field(default_factory=list)
    face_ids: list[str] = field(default_factory=list)


class Tracker:
    """Links faces of neighbouring sampled frames whose boxes overlap; feed it frame by frame."""

    def __init__(self) -> None:
        self._alive: list[Track] = []
        self._started = 0

    def follow(self, boxes: np.ndarray) -> list[Track]:
        """Return the track of each box (n, 4) of the next frame; a track not met in it ends."""
        alive = np.array([track.box for track in self._alive]).reshape(-1, 4)
        matched = {at: self._alive[old] for old, at in match_boxes(iou(alive, boxes), MIN_OVERLAP)}
        tracks = []
        for at, box in enumerate(boxes):
            track = matched.get(at)
            if track is None:
                track = Track(self._started, box)
                self._started += 1
            track.box = box
            tracks.append(track)
        self._alive = tracks
        return tracks


def link_duplicate(
    track: Track, face_id: str, thumbnail: np.ndarray, min_similarity: float
) -> str | None:
    """Return the earlier face of the track that this one nearly repeats, or None.

    A face that repeats none is kept as one that later faces are compared with.

    Args:
        track: changed where the face is new to it.
        face_id: of the face.
        thumbnail: from `faces.thumbnail`.
        min_similarity: least correlation of thumbnails that makes two faces near-duplicates.
    """
    if track.thumbnails:
        similarity = np.array(track.thumbnails) @ thumbnail
        best = int(similarity.argmax())
        if similarity[best] >= min_similarity:
            return track.face_ids[best]
    track.thumbnails.append(thumbnail)
    track.face_ids.append(face_id)
    return None
