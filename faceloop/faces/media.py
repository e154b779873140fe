"""Reading photos and videos that strangers made: whatever is wrong with one, the batch goes on."""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pi_heif
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image, ImageFile

PHOTO_SUFFIXES = {
    ".jpg", ".jpeg", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif",
    ".heic", ".heif", ".jp2", ".j2k", ".jpx",
}  # fmt: skip
VIDEO_SUFFIXES = {
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp",
}  # fmt: skip
MEDIA_SUFFIXES = PHOTO_SUFFIXES | VIDEO_SUFFIXES
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF", "JPEG2000")
pi_heif.register_heif_opener()
ORIENTATION = 0x0112  # EXIF's tag
UPRIGHT = {  # what makes a photo of an orientation upright
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
MOST_CUT_OFF = 0.1  # of a JPEG's height; libjpeg leaves grey what is missing
DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners store in 16
AGAIN_S = Fraction(1, 2)  # back in time stamps: another recording, not a careless muxer
PACKETS_COMPARED = 60  # of streams beside each other
NARROWEST = Fraction(1, 4)  # pixel that a file may claim, or one as wide as it is flat
# FFmpeg would follow a playlist to files elsewhere, and reads much that no camera writes.
OPEN_VIDEO = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf,flv",
    "protocol_whitelist": "file",
}
# Our own limit, max_megapixels, speaks instead, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
Note = Callable[[str], object]


class Unreadable(Exception):
    """A source gave nothing, or nothing more; the words say why."""


class Picture(NamedTuple):
    """A photo, or one frame of a video: upright RGB.

    frame: index of the decoded frame, None for a photo; time_s: its time in the video.
    """

    image: Image.Image
    frame: int | None
    time_s: float | None


def read_pictures(
    path: Path, frames_per_second: float, max_megapixels: float, note: Note = str
) -> Iterator[Picture]:
    """Yield a photo, or a video's frames at about `frames_per_second`.

    Args:
        path: what it is, photo or video, its suffix says; in which format, its content.
        frames_per_second: of a video.
        max_megapixels: larger ones are not decoded.
        note: is told what of the file could not be used, where the rest is.

    Raises:
        Unreadable: the file is no photo or video, is damaged, or is too large; a video may have
            yielded frames before.
    """
    if path.stat().st_size == 0:
        raise Unreadable("empty file")
    suffix = path.suffix.lower()
    if suffix in PHOTO_SUFFIXES:
        yield Picture(read_photo(path, max_megapixels, note), None, None)
    elif suffix in VIDEO_SUFFIXES:
        yield from _read_video(path, frames_per_second, max_megapixels, note)
    else:
        raise Unreadable(f"no photo or video: suffix {suffix or 'missing'}")


def read_photo(path: Path, max_megapixels: float, note: Note = str) -> Image.Image:
    """Return a photo as upright RGB: EXIF orientation applied, transparency laid on white.

    Raises:
        Unreadable: it is damaged, or larger than `max_megapixels`.
    """
    try:
        with Image.open(path, formats=PHOTO_FORMATS) as photo:
            check_size(*photo.size, max_megapixels)
            pictures = getattr(photo, "n_frames", 1)
            if pictures > 1:
                note(f"only the first of its pictures is used: it holds {pictures}")
            turned = UPRIGHT.get(_orientation(photo))
            flat = _flat_rgb(_loaded(photo, path, note))
            return flat.transpose(turned) if turned is not None else flat
    except Unreadable:
        raise
    except Image.UnidentifiedImageError as error:
        raise Unreadable("not a photo, in spite of its name") from error
    except Exception as error:  # decoders raise what they like, and it costs this file
        raise Unreadable(f"damaged photo: {_one_line(error)}") from error


def _orientation(photo: Image.Image) -> int:
    """Return EXIF's orientation, 1 where it cannot be told, whatever else EXIF holds."""
    try:
        return int(photo.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 odd EXIF costs the orientation alone
        return 1


def _loaded(photo: Image.Image, path: Path, note: Note) -> Image.Image:
    """Return a photo with its pixels decoded, also if its end is cut off.

    Raises:
        OSError: it is damaged, or more than MOST_CUT_OFF is missing.
    """
    try:
        photo.load()
        return photo
    except OSError as error:
        if photo.format not in ("JPEG", "MPO") or "truncated" not in str(error):
            raise
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            with Image.open(path, formats=PHOTO_FORMATS) as again:
                again.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        rows = np.asarray(again.convert("L"))[::-1]
        is_there = np.append((abs(rows - 128.0) > 1).any(axis=1), True)
        missing = int(is_there.argmax())
        if missing > MOST_CUT_OFF * len(rows):
            raise
        note(f"its end is cut off: about row {len(rows) - missing} of {len(rows)}")
        return again


def _flat_rgb(photo: Image.Image) -> Image.Image:
    if photo.mode[0] in "IF":  # 16 bits and more: convert() would clip them to white
        photo = Image.fromarray(_eight_bits(np.asarray(photo)))
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        white = Image.new("RGBA", photo.size, "white")
        return Image.alpha_composite(white, photo).convert("RGB")
    return photo.convert("RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Return grey values of any depth as uint8.

    Whole numbers are taken for those of the least depth that holds the largest. White is 1 in
    floats, or the least power of two that none is above.
    """
    numbers = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    most = numbers.max(initial=0)
    if values.dtype.kind == "f":
        scale = 255 / 2.0 ** math.ceil(math.log2(max(most, 1)))
    else:
        scale = next((2.0 ** (8 - bits) for bits in DEPTHS if most < 2**bits), 255 / most)
    return np.clip(numbers * scale, 0, 255).astype(np.uint8)


def _read_video(
    path: Path, frames_per_second: float, max_megapixels: float, note: Note
) -> Iterator[Picture]:
    time_s, due_s = 0.0, -math.inf
    try:
        with av.open(path.as_posix(), metadata_errors="replace", options=OPEN_VIDEO) as container:
            stream = best_stream(container)
            check_size(stream.width, stream.height, max_megapixels)
            frame_s = 1 / float(stream.average_rate or 25)
            for index, frame in enumerate(_frames(container, stream, note)):
                time_s = time_s + frame_s * (index > 0) if frame.time is None else frame.time
                # Half a frame's tolerance: time stamps are rounded to the container's clock.
                if time_s + 0.5 * frame_s < due_s:
                    continue
                due_s = max(due_s, time_s) + 1 / frames_per_second
                check_size(frame.width, frame.height, max_megapixels)  # it may change on the way
                picture = upright(frame, stream)
                check_size(*picture.size, max_megapixels)
                yield Picture(picture, index, round(time_s, 3))
    except Unreadable:
        raise
    except Exception as error:  # decoders raise what they like, and it costs this file
        raise Unreadable(f"damaged video at {time_s:.1f} s: {_one_line(error)}") from error


def _frames(
    container: av.container.InputContainer, stream: VideoStream, note: Note
) -> Iterator[av.VideoFrame]:
    """Yield what can be decoded, in the order it comes; gaps are noted with their length.

    Raises:
        av.FFmpegError: nothing can be decoded, or the container is damaged.
    """
    damage: av.FFmpegError | None = None
    before_s: float | None = None  # of what was decoded
    for packet, _ in packets(container, stream):
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            damage = error
            continue
        for frame in frames:
            if damage and before_s is None and frame.time is not None:
                note(f"part of it cannot be read: all before {frame.time:.1f} s")
            elif damage and before_s is not None and frame.time is not None:
                lost_s = max(frame.time - before_s, 0)
                note(f"part of it cannot be read: {lost_s:.2f} s after {before_s:.1f} s")
            damage, before_s = None, before_s if frame.time is None else frame.time
            yield frame
    if damage and before_s is None:
        raise damage
    if damage:
        note(f"part of it cannot be read: all after {before_s:.1f} s")


def packets(
    container: av.container.InputContainer, stream: VideoStream
) -> Iterator[tuple[av.Packet, int]]:
    """Yield a stream's packets, and how far each was put ahead of its own time stamps.

    Time goes on where time stamps start again or wrap.
    """
    again = AGAIN_S / (stream.time_base or Fraction(1, 1000))
    ahead, before = 0, None
    for packet in container.demux(stream):
        if packet.dts is not None:
            if before is not None and packet.dts + ahead < before - again:
                ahead = before + (packet.duration or 1) - packet.dts
            before = packet.dts = packet.dts + ahead
            packet.pts = None if packet.pts is None else packet.pts + ahead
        yield packet, ahead


def best_stream(container: av.container.InputContainer) -> VideoStream:
    """Return the stream that shows most: no cover, and of several that of most contrast.

    Raises:
        Unreadable: there is none, or none that can be decoded.
    """
    if not container.streams.video:
        raise Unreadable("no picture in the video")
    streams = [one for one in container.streams.video if one.codec_context is not None]
    if not streams:
        raise Unreadable("no decoder for the video's codec")
    moving = [one for one in streams if not one.disposition & Disposition.attached_pic] or streams
    for one in moving:
        one.thread_type = "AUTO"
    shown: dict[int, list[float]] = {one.index: [] for one in moving}
    if len(moving) > 1:
        for packet in islice(container.demux(moving), PACKETS_COMPARED):
            with suppress(av.FFmpegError):
                for frame in packet.decode():
                    contrast = frame.to_ndarray(format="gray").std()
                    shown[packet.stream.index].append(float(contrast))
        container.seek(0)
    return max(
        moving, key=lambda one: (len(shown[one.index]) > 1, max(shown[one.index], default=0))
    )


def upright(frame: av.VideoFrame, stream: VideoStream) -> Image.Image:
    """Return a decoded frame as people see it: RGB, its pixels square, turned as its file says."""
    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if aspect != 1 and NARROWEST <= aspect <= 1 / NARROWEST:
        width, height = picture.size
        wider, higher = max(aspect, Fraction(1)), max(1 / aspect, Fraction(1))
        picture = picture.resize((round(width * wider), round(height * higher)))
    # FFmpeg's display matrix, as phones write it: degrees to turn counter-clockwise.
    turns = round(frame.rotation / 90) % 4
    quarter = Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270
    return picture.transpose(quarter[turns - 1]) if turns else picture


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
