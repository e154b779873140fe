"""Reading drawn photos and videos after some of their bytes were changed, cut off or taken out.

    python -m benchmarks.fuzz [--photos 20000] [--videos 4000] [--seconds 20]

Each must be read or be `Unreadable` in one line. What else a decoder raises is an escape; where it
ends the process or takes longer than `--seconds`, extract_faces gives up that file alone. Each file
is made of its number, so that a run which ends goes on behind it.
"""

import argparse
import math
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from benchmarks.scratch import ROOT
from faceloop.faces.media import Unreadable, read_pictures

PHOTOS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "MPO", "HEIF", "I;16")
VIDEOS = ("mp4", "mkv", "ts", "avi")


def photo_of(kind: str) -> bytes:
    """Return a drawn photo of one of PHOTOS, with EXIF where its format has it."""
    if kind == "HEIF":  # nothing that is installed writes it
        return (ROOT / "tests/data/quarters.heic").read_bytes()
    across, down = np.meshgrid(np.arange(48), np.arange(36))
    grey = (across * 5 + down * 3) % 256
    out, exif = BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    if kind == "I;16":
        Image.fromarray((grey * 16).astype(np.uint16)).save(out, "TIFF")
        return out.getvalue()
    photo = Image.fromarray(np.stack([grey, grey[::-1], grey.T.reshape(36, 48)], 2).astype("uint8"))
    more: dict[str, Any] = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF") else {}
    more |= {"save_all": True, "append_images": [photo]} if kind in ("MPO", "GIF", "TIFF") else {}
    photo.save(out, kind, **more)
    return out.getvalue()


def video_of(suffix: str) -> bytes:
    """Return a drawn video of 20 frames in one of VIDEOS."""
    out = BytesIO()
    with av.open(out, "w", format={"ts": "mpegts", "mkv": "matroska"}.get(suffix, suffix)) as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 5
        for shade in range(0, 200, 10):
            grey = np.full((48, 64, 3), shade, dtype=np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        film.mux(stream.encode())
    return out.getvalue()


def fuzzed(whole: bytes, number: int) -> bytes:
    """Return a file with up to 11 bytes changed, and now and then its end or 20 bytes missing."""
    data, rng = bytearray(whole), np.random.default_rng([7, number])
    for at in rng.integers(0, len(data), rng.integers(1, 12)):
        data[at] = rng.integers(256)
    if rng.random() < 0.3:
        data = data[: rng.integers(1, len(data))]
    if rng.random() < 0.2:
        at = int(rng.integers(len(data)))
        del data[at : at + 20]
    return bytes(data) or b"\0"


def outcome(path: Path) -> str:
    """Read a file to its end: read, noted, refused, or the escape by its name."""
    notes: list[str] = []
    try:
        for _ in read_pictures(path, 5, 1, notes.append):
            pass
    except Unreadable as error:
        return "refused" if len(str(error).splitlines()) == 1 else "ESCAPE: words of several lines"
    except Exception as error:  # noqa: BLE001 an escape is what this looks for
        return f"ESCAPE: {type(error).__name__}: {error}"
    return "noted" if notes else "read"


def _read_all(whole: bytes, path: Path, numbers: range, told: Connection) -> None:
    for number in numbers:
        path.write_bytes(fuzzed(whole, number))
        told.send(outcome(path))


def outcomes(whole: bytes, path: Path, count: int, seconds: float) -> Iterator[str]:
    """Yield what became of each of `count` fuzzed files, also where one ends its process."""
    context, done = multiprocessing.get_context("fork"), 0
    while done < count:
        told, tell = context.Pipe(duplex=False)
        numbers = range(done, count)
        reading = context.Process(target=_read_all, args=(whole, path, numbers, tell), daemon=True)
        reading.start()
        tell.close()
        try:
            while told.poll(seconds):
                yield told.recv()
                done += 1
            yield f"longer than {seconds:g} s: number {done}"
        except EOFError:
            if done == count:
                break
            reading.join()
            yield f"process ended by {reading.exitcode}: number {done}"
        reading.kill()
        reading.join()
        done += 1


def main() -> None:
    """Fuzz every kind of photo and video; print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--videos", type=int, default=4_000)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    drawn = [(kind, "jpg", photo_of(kind), arguments.photos / len(PHOTOS)) for kind in PHOTOS]
    drawn += [(kind, kind, video_of(kind), arguments.videos / len(VIDEOS)) for kind in VIDEOS]
    with tempfile.TemporaryDirectory() as folder:
        for kind, suffix, whole, share in drawn:
            path, began = Path(folder, f"fuzzed.{suffix}"), time.monotonic()
            became = Counter(outcomes(whole, path, math.ceil(share), arguments.seconds))
            told = ", ".join(f"{n} {what}" for what, n in became.most_common())
            print(f"{kind}: {told} ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
