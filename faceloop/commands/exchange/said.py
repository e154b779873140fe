"""Labels on their way in: what somebody said of a face, and where that stands."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from faceloop.base.errors import FaceloopError
from faceloop.labels.columns import UNSURE

MAX_MB = 256  # read whole into memory, a few times its size

# Who a file says labelled: an e-mail, an id or both; nothing where the file does not say.
Person = tuple[str, ...]


class GivenLabel(NamedTuple):
    """One label: where it stands, the face, the label; by whom, when and how fast if that is told.

    `labelled_at` is ISO 8601 in UTC, to the second.
    """

    where: str
    face_id: str
    label: str
    by: Person = ()
    labelled_at: str = ""
    seconds: float = math.nan


class LabelFile(NamedTuple):
    """What a file holds: its labels, what of it is no vote and why, the votes' mode; and where
    classes may lose unequally much, a table of it.
    """

    said: list[GivenLabel]
    no_vote: list[str]
    mode: str = "import"
    table: tuple[str, ...] = ()


def once_each(said: Sequence[GivenLabel]) -> list[GivenLabel]:
    """Return one label a face, the last given where the same stands there twice.

    Raises:
        FaceloopError: two labels for one face, with both places.
    """
    kept: dict[str, GivenLabel] = {}
    for one in said:
        before = kept.setdefault(one.face_id, one)
        if before.label != one.label:
            raise FaceloopError(
                f"{one.where}: face {one.face_id} is {one.label!r} here and {before.label!r} in "
                f"{before.where}; keep the right one, or {UNSURE}"
            )
        if one.labelled_at > before.labelled_at:
            kept[one.face_id] = one
    return list(kept.values())


def check_known(face_id: str, known: frozenset[str], where: str) -> None:
    """Refuse a face that is neither in a face table nor in the queue.

    Raises:
        FaceloopError: with the place.
    """
    if face_id not in known:
        raise FaceloopError(f"{where}: unknown face {face_id!r}: it is in no face table")


def check_file_size(size: int, path: Path) -> None:
    """Refuse a file that would not fit in memory.

    Raises:
        FaceloopError: with what to do.
    """
    if size > MAX_MB * 1_000_000:
        raise FaceloopError(
            f"{path}: {size / 1_000_000:,.0f} MB; at most {MAX_MB} are read: export again with "
            "'--images files', or import in parts"
        )
