"""What the page shows: crops out of the packs, and the source picture with a face's box drawn.

A picture is found by its face's id in the queue, never by a path that a browser sends.
"""

import io
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import PurePosixPath
from threading import Lock
from typing import Any

import pandas as pd
from PIL import Image, ImageDraw

from faceloop.base.errors import FaceloopError
from faceloop.commands.settings import Settings
from faceloop.crops.boxes import BOX
from faceloop.crops.face_table import read_batch
from faceloop.crops.packs import crops_path
from faceloop.faces.batch_files import RAW_DIR
from faceloop.faces.frames import read_frame
from faceloop.faces.media import Unreadable, read_pictures

LONGER_SIDE_PX = 1600  # of a source picture as shown: more than most screens
KEPT = 32  # source pictures kept as JPEG: people look twice


class Pictures:
    """The pictures of a queue's faces, by asked_id; may be used from several threads.

    A column `face_id`, where there is one, names the face that a row is about since its batch was
    extracted again.

    Raises:
        FaceloopError: a pack is not here, or lacks a face of the queue.
    """

    def __init__(self, queue: pd.DataFrame, settings: Settings) -> None:
        rows: Any = queue.drop_duplicates("asked_id").to_dict("records")
        self._faces: dict[str, dict[str, Any]] = {row["asked_id"]: row for row in rows}
        self._packs = {batch: open_pack(batch) for batch in sorted(set(queue["batch"]))}
        for asked_id, row in self._faces.items():
            row.setdefault("face_id", asked_id)
            if f"{row['face_id']}.jpg" not in self._packs[row["batch"]].NameToInfo:
                path = crops_path(row["batch"])
                raise FaceloopError(f"{path} lacks face {asked_id} of the queue: run 'dvc repro'")
        self._limits = settings.extract_faces
        self._shown: OrderedDict[str, bytes] = OrderedDict()
        self._times: dict[str, dict[str, float]] = {}
        self._lock = Lock()

    def crop(self, asked_id: str) -> bytes:
        """Return a face's crop as JPEG.

        Raises:
            Unreadable: the face is not in the queue.
        """
        row = self._row(asked_id)
        return self._packs[row["batch"]].read(f"{row['face_id']}.jpg")

    def source(self, asked_id: str) -> bytes:
        """Return the photo or frame that a face is from, its box drawn, as JPEG.

        Raises:
            Unreadable: the face is not in the queue, or its source is not here or damaged.
        """
        row = self._row(asked_id)
        with self._lock:  # one at a time: a video's frames take memory
            if asked_id not in self._shown:
                self._shown[asked_id] = encode(with_box(self._read(row), row))
                while len(self._shown) > KEPT:
                    self._shown.popitem(last=False)
            self._shown.move_to_end(asked_id)
            return self._shown[asked_id]

    def _row(self, asked_id: str) -> dict[str, Any]:
        if asked_id not in self._faces:
            raise Unreadable("no such face in the queue")
        return self._faces[asked_id]

    def _read(self, row: dict[str, Any]) -> Image.Image:
        inside = PurePosixPath(row["source"])
        path = RAW_DIR / row["batch"] / inside
        if inside.is_absolute() or ".." in inside.parts or not path.is_file():
            raise Unreadable(f"{path} is not here: run 'dvc pull'")
        wanted = None if pd.isna(row["frame"]) else int(row["frame"])
        limits, time_s = self._limits, self._time_s(row)
        if wanted is not None and time_s is not None:
            with suppress(Unreadable):  # some containers cannot be sought in: then from the start
                return read_frame(path, time_s, limits.max_megapixels)
        for picture in read_pictures(path, limits.frames_per_second, limits.max_megapixels):
            if picture.frame == wanted:
                return picture.image
        raise Unreadable(f"{path} has no frame {wanted} at {limits.frames_per_second:g} Hz")

    def _time_s(self, row: dict[str, Any]) -> float | None:
        """Return the time of a face's frame; None where its table is not here or has none."""
        batch = row["batch"]
        if batch not in self._times:
            self._times[batch] = {}
            with suppress(FaceloopError):
                timed = read_batch(batch).dropna(subset="time_s")
                self._times[batch] = dict(zip(timed["face_id"], timed["time_s"], strict=True))
        return self._times[batch].get(row["face_id"])


def open_pack(batch: str) -> zipfile.ZipFile:
    """Open a batch's crops, once: reading the list of 100,000 takes half a second.

    Raises:
        FaceloopError: they are not here.
    """
    path = crops_path(batch)
    try:
        return zipfile.ZipFile(path)
    except (FileNotFoundError, zipfile.BadZipFile) as error:
        raise FaceloopError(f"{path} is not here, or damaged: run 'dvc repro'") from error


def with_box(picture: Image.Image, row: dict[str, Any]) -> Image.Image:
    """Return a picture, made small enough to show, with a face's box: light on dark, seen on any.

    The box stands a little off the face, so that its line hides nothing of it.
    """
    scale = min(1.0, LONGER_SIDE_PX / max(picture.size))
    shown = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    x0, y0, x1, y1 = (row[edge] * scale for edge in BOX)
    gap = max(4.0, 0.06 * max(x1 - x0, y1 - y0))
    box = (x0 - gap, y0 - gap, x1 + gap, y1 + gap)
    line = max(2, round(max(shown.size) / 400))
    draw = ImageDraw.Draw(shown)
    draw.rounded_rectangle(box, radius=gap, outline="black", width=line * 2)
    draw.rounded_rectangle(box, radius=gap, outline="white", width=line)
    return shown


def encode(picture: Image.Image) -> bytes:
    """Return a picture as JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
