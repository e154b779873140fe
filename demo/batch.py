"""A whole drawn batch: photos, a video, the awkward files of every real batch, and the truth."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from demo.awkward import draw_awkward
from demo.background import Size
from demo.mp4 import write_mp4
from demo.person import sample_person
from demo.scene import FaceTruth, draw_photo
from demo.video import draw_video_frames

Shares = tuple[tuple[str, float], ...]

SHARES: Shares = (("none", 0.6), ("glasses", 0.25), ("sunglasses", 0.15))
PEOPLE = {1: 0.1, 2: 0.26, 3: 0.27, 4: 0.18, 5: 0.07, 6: 0.05, 7: 0.04, 8: 0.03}  # in a photo
SIZES: tuple[Size, ...] = (
    (720, 540), (800, 600), (840, 560), (640, 480), (900, 600), (768, 512), (540, 720), (480, 640),
)  # fmt: skip
# Folder -> places, so that a folder's photos belong together.
ALBUMS = {
    "photos/fair": ("park", "street", "beach"),
    "photos/fair/evening": ("evening",),
    "photos/office": ("room", "shelves", "window", "studio"),
}
ALBUM_SHARES = (0.42, 0.12, 0.46)
JPEG_QUALITY = 70
VIDEO_SIZE: Size = (640, 360)
FRAMES_PER_SECOND = 12
COLUMNS = ("source", "frame", "x0", "y0", "x1", "y1", "label")


@dataclass(frozen=True)
class TruthRow:
    """One face: `frame` is the index of the decoded frame, None in a photo; edges in px."""

    source: str
    frame: int | None
    x0: int
    y0: int
    x1: int
    y1: int
    label: str


@dataclass
class DrawnBatch:
    """What was drawn."""

    folder: Path
    truth: Path
    rows: list[TruthRow] = field(default_factory=list)
    photos: int = 0
    frames: int = 0

    @property
    def labels(self) -> Counter[str]:
        """People in the photos, counted by label."""
        return Counter(row.label for row in self.rows if row.frame is None)

    def add(self, source: str, frame: int | None, faces: Iterable[FaceTruth]) -> None:
        """Note the faces of a photo or of a video frame."""
        for box, label in faces:
            x0, y0, x1, y1 = (round(edge) for edge in box)
            self.rows.append(TruthRow(source, frame, x0, y0, x1, y1, label))


def draw_batch(
    folder: Path,
    truth: Path,
    photos: int,
    video_seconds: float,
    seed: int,
    shares: Shares = SHARES,
) -> DrawnBatch:
    """Draw a batch into an empty folder and its truth into a CSV file beside it.

    The truth's boxes are whole px in the upright picture; files that cannot be read have no rows.
    The same arguments give the same bytes on the same machine. Raises ValueError where the folder
    holds anything already, or where photos or seconds are negative.
    """
    if photos < 0 or video_seconds < 0:
        raise ValueError(f"{photos} photos and {video_seconds} s of video: use 0 or more")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder: name a new one or empty it first")
    folder.mkdir(parents=True, exist_ok=True)
    batch = DrawnBatch(folder, truth)
    photo_rng, video_rng, awkward_rng = np.random.default_rng(seed).spawn(3)
    _draw_photos(batch, photo_rng, photos, shares)
    if video_seconds > 0:
        _draw_video(batch, video_rng, video_seconds)
    for source, faces in draw_awkward(folder, awkward_rng):
        batch.add(source, None, faces)
        batch.photos += 1
    _write_truth(batch)
    return batch


def deal_labels(rng: np.random.Generator, count: int, shares: Shares) -> list[str]:
    """Deal `count` labels in these shares, exact but for rounding, in random order."""
    names = [name for name, _ in shares]
    parts = np.array([share for _, share in shares])
    edges = np.round(np.cumsum(parts / parts.sum()) * count).astype(int)
    deck = np.repeat(names, np.diff(edges, prepend=0))
    return [str(label) for label in rng.permutation(deck)]


def _draw_photos(batch: DrawnBatch, rng: np.random.Generator, photos: int, shares: Shares) -> None:
    counts = rng.choice(list(PEOPLE), photos, p=list(PEOPLE.values()))
    deck = iter(deal_labels(rng, int(counts.sum()), shares))
    streams = rng.spawn(photos)
    for number, count in enumerate(tqdm(counts, "photos", unit="photo", disable=None), start=1):
        stream = streams[number - 1]
        labels = [next(deck) for _ in range(count)]
        album = str(stream.choice(list(ALBUMS), p=ALBUM_SHARES))
        size_px = SIZES[stream.integers(len(SIZES))]
        people = [sample_person(stream, label) for label in labels]
        photo, faces = draw_photo(stream, people, size_px, str(stream.choice(ALBUMS[album])))
        suffix = "png" if number % 60 == 25 else "webp" if number % 30 == 10 else "jpg"
        source = f"{album}/{number:03d}.{suffix}"
        _save(photo, batch.folder / source)
        batch.add(source, None, faces)
        batch.photos += 1


def _save(photo: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":  # a dithered palette keeps a lossless photo small
        photo.quantize(palette=photo.quantize(256)).save(path, optimize=True)
    else:
        photo.save(path, quality=JPEG_QUALITY)


def _draw_video(batch: DrawnBatch, rng: np.random.Generator, seconds: float) -> None:
    source = "videos/walk.mp4"
    frames = draw_video_frames(rng, seconds, FRAMES_PER_SECOND, VIDEO_SIZE)
    total = round(seconds * FRAMES_PER_SECOND)
    shown = tqdm(frames, "video", total=total, unit="frame", disable=None)
    written = write_mp4(batch.folder / source, shown, FRAMES_PER_SECOND, VIDEO_SIZE)
    for frame, faces in enumerate(written):
        batch.add(source, frame, faces)
        batch.frames += 1


def _write_truth(batch: DrawnBatch) -> None:
    def order(row: TruthRow) -> tuple[str, int, int, int]:
        return row.source, -1 if row.frame is None else row.frame, row.x0, row.y0

    batch.rows.sort(key=order)
    batch.truth.parent.mkdir(parents=True, exist_ok=True)
    with batch.truth.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(astuple(row) for row in batch.rows)
