"""Reading photos and videos that strangers made: whatever is wrong with one, the batch goes on."""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageOps

RAW_DIR = Path("data/raw")
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
VIDEO_SUFFIXES = {
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp",
}  # fmt: skip
MEDIA_SUFFIXES = PHOTO_SUFFIXES | VIDEO_SUFFIXES
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of a cell that a spreadsheet runs
# FFmpeg would follow a playlist to files elsewhere, and reads much that no camera writes.
OPEN_VIDEO = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf,flv",
    "protocol_whitelist": "file",
}
# Our own limit, max_megapixels, speaks instead, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
# What Pillow raises for files that are not what they say.
DAMAGED_PHOTO = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error)


class Unreadable(Exception):
    """A source gave nothing, or nothing more; the words say why."""


class Picture(NamedTuple):
    """A photo, or one frame of a video: upright RGB.

    frame: index of the decoded frame, None for a photo; time_s: its time in the video.
    """

    image: Image.Image
    frame: int | None
    time_s: float | None


def read_pictures(path: Path, frames_per_second: float, max_megapixels: float) -> Iterator[Picture]:
    """Yield a photo, or a video's frames at about `frames_per_second`.

    Raises:
        Unreadable: the file is no photo or video, is damaged, or is too large; a video may have
            yielded frames before.
    """
    if path.stat().st_size == 0:
        raise Unreadable("empty file")
    suffix = path.suffix.lower()
    if suffix in PHOTO_SUFFIXES:
        yield Picture(read_photo(path, max_megapixels), None, None)
    elif suffix in VIDEO_SUFFIXES:
        yield from _read_video(path, frames_per_second, max_megapixels)
    else:
        raise Unreadable(f"no photo or video: suffix {suffix or 'missing'}")


def read_photo(path: Path, max_megapixels: float) -> Image.Image:
    """Return a photo as upright RGB: EXIF orientation applied, transparency laid on white.

    Raises:
        Unreadable: it is damaged, or larger than `max_megapixels`.
    """
    try:
        with Image.open(path, formats=PHOTO_FORMATS) as photo:
            check_size(*photo.size, max_megapixels)
            return _flat_rgb(ImageOps.exif_transpose(photo))
    except Image.UnidentifiedImageError as error:
        raise Unreadable("not a photo, in spite of its name") from error
    except DAMAGED_PHOTO as error:
        raise Unreadable(f"damaged photo: {_one_line(error)}") from error


def _flat_rgb(photo: Image.Image) -> Image.Image:
    if photo.mode[0] in "IF":  # 16 bits and more: convert() would clip them to white
        values = np.asarray(photo)
        values = values / 256 if values.max(initial=0) > 255 else values
        photo = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        white = Image.new("RGBA", photo.size, "white")
        return Image.alpha_composite(white, photo).convert("RGB")
    return photo.convert("RGB")


def _read_video(path: Path, frames_per_second: float, max_megapixels: float) -> Iterator[Picture]:
    time_s, due_s = 0.0, -math.inf
    try:
        with av.open(path.as_posix(), metadata_errors="replace", options=OPEN_VIDEO) as container:
            if not container.streams.video:
                raise Unreadable("no picture in the video")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise Unreadable("no decoder for the video's codec")
            stream.thread_type = "AUTO"
            check_size(stream.width, stream.height, max_megapixels)
            for index, frame in enumerate(container.decode(stream)):
                time_s = frame.time if frame.time is not None else time_s
                # Half a frame's tolerance: time stamps are rounded to the container's clock.
                if time_s + 0.5 / float(stream.average_rate or 25) < due_s:
                    continue
                due_s = max(due_s, time_s) + 1 / frames_per_second
                check_size(frame.width, frame.height, max_megapixels)  # it may change on the way
                yield Picture(upright(frame), index, round(time_s, 3))
    except (av.FFmpegError, OSError) as error:
        raise Unreadable(f"damaged video at {time_s:.1f} s: {_one_line(error)}") from error


def upright(frame: av.VideoFrame) -> Image.Image:
    """Return a decoded frame as people see it: RGB, turned as its file says."""
    pixels = frame.to_ndarray(format="rgb24")
    # FFmpeg's display matrix, as phones write it: degrees to turn counter-clockwise.
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, k=round(frame.rotation / 90))))


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """Refuse a picture that is too large.

    Raises:
        Unreadable: with its size.
    """
    if width * height > max_megapixels * 1e6:
        raise Unreadable(f"larger than max_megapixels ({max_megapixels:g}): {width} x {height} px")


def _one_line(error: BaseException) -> str:
    """Return an error's first line without the file's path: the same words on any machine."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return words.splitlines()[0]
