"""The awkward files that every real batch holds: some readable, some not."""

from pathlib import Path

import numpy as np
from PIL import Image

from demo.background import Size
from demo.mp4 import write_mp4
from demo.person import Light, draw_person, sample_person
from demo.scene import FaceTruth, draw_photo, sample_pose
from demo.video import draw_video_frames

SIZE: Size = (640, 480)
ORIENTATION_TAG, TURN_RIGHT = 0x0112, 6  # EXIF: to be turned right by a quarter when shown
KEPT_SHARE = 0.4  # of a truncated file's bytes


def draw_awkward(folder: Path, rng: np.random.Generator) -> list[tuple[str, list[FaceTruth]]]:
    """Write the awkward files into `folder/awkward`.

    Returns (path relative to the folder, faces in the upright picture) of each that can be read.
    """
    place = folder / "awkward"
    place.mkdir(parents=True)
    draw_photo(rng, [], SIZE, "park")[0].save(place / "nobody.jpg", quality=74)
    _write_truncated(place, rng)
    (place / "empty.jpg").write_bytes(b"")
    (place / "text.jpg").write_text("This is a text file with a photo's name.\n", encoding="utf-8")
    return [
        ("awkward/nobody.jpg", []),
        ("awkward/rotated.jpg", _write_rotated(place / "rotated.jpg", rng)),
        ("awkward/transparent.png", _write_transparent(place / "transparent.png", rng)),
    ]


def _write_rotated(path: Path, rng: np.random.Generator) -> list[FaceTruth]:
    """A photo stored on its side, as phones do, with an EXIF tag that says so."""
    people = [sample_person(rng, label) for label in ("glasses", "none")]
    upright, faces = draw_photo(rng, people, (480, 640), "room")
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = TURN_RIGHT
    upright.transpose(Image.Transpose.ROTATE_90).save(path, quality=74, exif=exif)
    return faces


def _write_transparent(path: Path, rng: np.random.Generator) -> list[FaceTruth]:
    """One person cut out, with nothing behind."""
    person, light = sample_person(rng, "glasses"), Light(70, 0.4)
    sheet, box = draw_person(person, 120, sample_pose(rng), light, rng, body_px=90)
    sheet.save(path, optimize=True)
    return [(box, person.eyewear)]


def _write_truncated(place: Path, rng: np.random.Generator) -> None:
    people = [sample_person(rng, label) for label in ("none", "sunglasses")]
    size_px = (320, 180)
    photo, video = place / "truncated.jpg", place / "truncated.mp4"
    draw_photo(rng, people, SIZE, "studio")[0].save(photo, quality=74)
    # An mp4's index is written last, so what is left of this one cannot be opened at all.
    write_mp4(video, draw_video_frames(rng, 1.0, 12, size_px), 12, size_px)
    for path in (photo, video):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(KEPT_SHARE * len(whole))])
