"""Photos and videos that strangers made: read upright, or refused with the reason."""

import re
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from benchmarks.fuzz import PHOTOS, VIDEOS, fuzzed, outcome, photo_of, video_of
from faceloop.base.code import sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.faces.batch_files import list_sources
from faceloop.faces.media import Picture, Unreadable, read_photo, read_pictures

DATA = Path(__file__).parent / "data"
RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def quarters(size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Red in the top left quarter, green in the top right, blue below."""
    photo = Image.new("RGB", size, BLUE)
    photo.paste(RED, (0, 0, size[0] // 2, size[1] // 2))
    photo.paste(GREEN, (size[0] // 2, 0, size[0], size[1] // 2))
    return photo


def is_like(photo: Image.Image, x: float, y: float, colour: tuple[int, ...]) -> bool:
    found = photo.getpixel((int(x * photo.width), int(y * photo.height)))
    return max(abs(a - b) for a, b in zip(found, colour, strict=True)) < 60


def reason(path: Path, max_megapixels: float = 100) -> str:
    with pytest.raises(Unreadable) as error:
        list(read_pictures(path, 2, max_megapixels))
    return str(error.value)


@pytest.mark.parametrize("shapes", [[(16, 16), (64, 48)], [(64, 48), (64, 48)]])
def test_the_stream_that_shows_most_is_read(tmp_path: Path, shapes: list[tuple[int, int]]) -> None:
    path, rng = tmp_path / "two.mkv", np.random.default_rng(3)
    with av.open(path.as_posix(), "w") as container:
        streams = [container.add_stream("mpeg4", rate=10) for _ in shapes]
        for stream, (width, height) in zip(streams, shapes, strict=True):
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(5):
            for stream, brightest in zip(streams, (1, 255), strict=True):
                pixels = rng.integers(0, brightest, (stream.height, stream.width, 3))
                frame = av.VideoFrame.from_ndarray(pixels.astype(np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    found = [one.image for one in read_pictures(path, 10, 100)]
    assert len(found) == 5 and {one.size for one in found} == {(64, 48)}
    assert min(np.asarray(one).mean() for one in found) > 50


@pytest.mark.parametrize(
    "suffix",
    ["jpg", "jpeg", "JPG", "png", "webp", "bmp", "tif", "tiff", "gif", "avif", "jp2", "mpo"],
)
def test_photos_of_every_kind_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    quarters().save(path)
    ((photo, frame, time_s),) = read_pictures(path, 2, 100)
    assert (photo.mode, photo.size, frame, time_s) == ("RGB", (80, 60), None, None)
    assert is_like(photo, 0.2, 0.2, RED) and is_like(photo, 0.8, 0.2, GREEN)


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "YCbCr", "LA", "PA", "I", "F"])
def test_every_kind_of_pixel_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("photo.png" if mode in ("L", "P", "1", "LA") else "photo.tif")
    if mode == "PA":
        path, mode = tmp_path / "photo.png", "P"
        quarters().convert("P").save(path, transparency=0)
    else:
        quarters().convert(mode).save(path)
    photo = read_photo(path, 100)
    assert (photo.mode, photo.size) == ("RGB", (80, 60))
    assert len(set(photo.tobytes())) > 1


def test_a_jpeg_in_cmyk_keeps_its_colours(tmp_path: Path) -> None:
    quarters().convert("CMYK").save(tmp_path / "photo.jpg")
    assert is_like(read_photo(tmp_path / "photo.jpg", 100), 0.2, 0.2, RED)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path, suffix: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64), (8, 1)).astype(np.uint16)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(ramp).save(path)
    found = np.asarray(read_photo(path, 100))[0, :, 0]
    np.testing.assert_array_equal(found, ramp[0] >> 8)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    sheet = quarters().convert("RGBA")
    sheet.paste((0, 0, 0, 0), (0, 30, 80, 60))
    sheet.save(tmp_path / "cut.png")
    photo = read_photo(tmp_path / "cut.png", 100)
    assert photo.getpixel((40, 50)) == (255, 255, 255) and photo.getpixel((5, 5)) == RED


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = quarters().transpose(undo[orientation]) if orientation > 1 else quarters()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    photo = read_photo(tmp_path / "photo.jpg", 100)
    assert photo.size == (80, 60)
    assert is_like(photo, 0.2, 0.2, RED) and is_like(photo, 0.8, 0.2, GREEN)


def test_a_truncated_photo_is_damaged(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    for suffix in ("jpg", "png", "webp", "tif", "bmp"):
        path = tmp_path / f"photo.{suffix}"
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert "damaged photo" in reason(path) or "not a photo" in reason(path), suffix
        assert str(tmp_path) not in reason(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_single_flipped_byte_stops_a_batch(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    for suffix in ("jpg", "png", "webp", "tif", "bmp"):
        path = tmp_path / f"photo.{suffix}"
        quarters((40, 30)).save(path, **({"exif": exif} if suffix != "bmp" else {}))
        whole = path.read_bytes()
        for at in [*range(0, min(len(whole), 120)), *rng.integers(0, len(whole), 60)]:
            broken = bytearray(whole)
            broken[at] ^= int(rng.integers(1, 256))
            path.write_bytes(broken)
            try:
                list(read_pictures(path, 2, 1))
            except Unreadable as error:
                assert "\n" not in str(error)


def test_an_empty_file_and_one_of_another_kind_are_named(tmp_path: Path) -> None:
    for name, words in (
        ("empty.jpg", "empty file"),
        ("empty.mp4", "empty file"),
        ("text.jpg", "not a photo, in spite of its name"),
        ("text.mp4", "damaged video at 0.0 s"),
        ("notes.txt", "no photo or video: suffix .txt"),
        ("README", "no photo or video: suffix missing"),
    ):
        (tmp_path / name).write_text("" if name.startswith("empty") else "words, not pixels\n")
        assert words in reason(tmp_path / name)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def write_bomb(path: Path, side: int) -> None:
    """Write a PNG of a few hundred bytes that says it is `side` px wide and high."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(500))), (b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*one) for one in chunks))


@pytest.mark.parametrize("side", [10_001, 12_000, 30_000, 60_000])
def test_a_decompression_bomb_is_refused_before_a_pixel_is_decoded(
    tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bomb(tmp_path / "bomb.png", side)

    def decode(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    assert "larger than max_megapixels (100)" in reason(tmp_path / "bomb.png")


def test_the_limit_is_the_one_that_params_set(tmp_path: Path) -> None:
    quarters((200, 100)).save(tmp_path / "photo.png")
    assert read_photo(tmp_path / "photo.png", 0.02).size == (200, 100)
    assert "larger than max_megapixels (0.0199): 200 x 100 px" in reason(
        tmp_path / "photo.png", 0.0199
    )


def shade(index: int) -> int:
    return 20 + 7 * index


def write_video(path: Path, frames: int, rate: int = 10, **metadata: Any) -> None:
    """Write frames of one grey each, lighter from frame to frame, left half darker."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.options = {"qscale": "2", "g": "5"}
        for index in range(frames):
            pixels = np.full((64, 96, 3), shade(index), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def grey(picture: Picture) -> float:
    return float(np.asarray(picture.image).mean())


@pytest.mark.parametrize(
    ("per_second", "expected"),
    [
        (2, [0, 5, 10, 15, 20, 25]),
        (5, list(range(0, 30, 2))),
        (10, list(range(30))),
        (1000, list(range(30))),
        (0.5, [0, 20]),
        (1, [0, 10, 20]),
    ],
)
def test_frames_are_picked_by_the_second_with_their_index_and_time(
    tmp_path: Path, per_second: float, expected: list[int]
) -> None:
    write_video(tmp_path / "clip.mp4", 30)
    pictures = list(read_pictures(tmp_path / "clip.mp4", per_second, 100))
    assert [one.frame for one in pictures] == expected
    assert [one.time_s for one in pictures] == [round(at / 10, 3) for at in expected]
    for one in pictures:
        assert one.image.size == (96, 64) and abs(grey(one) - shade(one.frame)) < 4


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi", "ts", "m4v"])
def test_videos_of_every_kind_are_read(tmp_path: Path, suffix: str) -> None:
    write_video(tmp_path / f"clip.{suffix}", 12)
    pictures = list(read_pictures(tmp_path / f"clip.{suffix}", 5, 100))
    assert [one.frame for one in pictures] == [0, 2, 4, 6, 8, 10]


def test_a_video_without_its_index_is_damaged(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", 30)
    whole = (tmp_path / "clip.mp4").read_bytes()
    (tmp_path / "clip.mp4").write_bytes(whole[: len(whole) // 2])
    assert "damaged video at 0.0 s" in reason(tmp_path / "clip.mp4")


def read_until_it_fails(pictures: Iterator[Picture]) -> list[Picture]:
    found = []
    try:
        for one in pictures:
            found.append(one)
    except Unreadable:
        pass
    return found


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_video_cut_short_gives_the_frames_before_the_cut(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    write_video(path, 30)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(0.6 * len(whole))])
    found = read_until_it_fails(read_pictures(path, 10, 100))
    assert 8 <= len(found) < 30
    assert [one.frame for one in found[:8]] == list(range(8))


def test_a_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert reason(path) == "no picture in the video"


def test_a_video_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", 3)
    assert "larger than max_megapixels (0.001): 96 x 64 px" in reason(tmp_path / "clip.mp4", 0.001)


def turn(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Write a display matrix into an mp4's video track header, as phones do."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # version and flags, times, ids, then the matrix
    fixed = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    content[at : at + 36] = struct.pack(">9i", *fixed)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("matrix", "size", "bright"),
    [
        ((0, 1, -1, 0), (64, 96), "top"),  # stored left becomes top: turned right by a quarter
        ((0, -1, 1, 0), (64, 96), "bottom"),
        ((-1, 0, 0, -1), (96, 64), "right"),
        ((1, 0, 0, 1), (96, 64), "left"),
    ],
)
def test_a_video_on_its_side_is_turned_upright(
    tmp_path: Path, matrix: tuple[int, int, int, int], size: tuple[int, int], bright: str
) -> None:
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        pixels = np.zeros((64, 96, 3), np.uint8)
        pixels[:, :48] = 230
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    turn(path, *matrix)
    (picture,) = read_pictures(path, 1, 100)
    assert picture.image.size == size
    values = np.asarray(picture.image.convert("L"), float)
    halves = {
        "top": values[: size[1] // 2],
        "bottom": values[size[1] // 2 :],
        "left": values[:, : size[0] // 2],
        "right": values[:, size[0] // 2 :],
    }
    assert max(halves, key=lambda half: halves[half].mean()) == bright


def test_a_title_in_another_encoding_does_not_stop_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, 6, title="cafX de la plage")
    content = path.read_bytes()
    assert b"cafX" in content
    path.write_bytes(content.replace(b"cafX", b"caf\xe9"))
    read_until_it_fails(read_pictures(path, 2, 100))


def test_sources_come_by_name_from_any_depth_without_hidden_ones(project: Any) -> None:
    folder = project.root / "data/raw/pool"
    for name in ("b.jpg", "a/z.mp4", "a/b/c.png", ".DS_Store", ".git/x.jpg", "a/.x.jpg", "n.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    found = [path.relative_to("data/raw/pool").as_posix() for path in list_sources("pool")]
    assert found == ["a/b/c.png", "a/z.mp4", "b.jpg", "n.txt"]


def test_a_missing_batch_and_an_empty_one_are_refused(project: Any) -> None:
    with pytest.raises(FaceloopError, match=r"data/raw/pool/ is not here: put photos"):
        list_sources("pool")
    (project.root / "data/raw/pool/inner").mkdir(parents=True)
    (project.root / "data/raw/pool/.hidden.jpg").write_bytes(b"x")
    with pytest.raises(FaceloopError, match=r"data/raw/pool/ holds no file"):
        list_sources("pool")


def test_a_digest_is_of_the_bytes_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf8f01cfea")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.heic", "JPEG"), ("a.jpg", "AVIF"), ("a.tif", "GIF")]
)
def test_a_photo_is_known_by_its_content(tmp_path: Path, name: str, kind: str) -> None:
    quarters().save(tmp_path / name, kind)
    assert is_like(read_photo(tmp_path / name, 100), 0.2, 0.2, RED)


def test_heic_is_read(tmp_path: Path) -> None:
    photo = read_photo(DATA / "quarters.heic", 100)
    assert photo.size == (80, 60) and is_like(photo, 0.8, 0.2, GREEN)


@pytest.mark.parametrize("field", [(0x010F, 7), (0x0128, b"text"), (0x011A, "odd"), (0x9003, 3)])
def test_odd_exif_costs_nothing_and_the_orientation_is_kept(
    tmp_path: Path, field: tuple[int, Any]
) -> None:
    tag, value = field
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(exif.tobytes())
    entry = struct.pack(">HHII", tag, 5 if isinstance(value, int) else 2, 1, 8)
    at = data.index(b"MM\x00*") + 8
    (n,) = struct.unpack_from(">H", data, at)
    data[at : at + 2] = struct.pack(">H", n + 1)
    data[at + 2 + 12 * n : at + 2 + 12 * n] = entry
    quarters((60, 80)).save(tmp_path / "odd.jpg", exif=bytes(data))
    photo = read_photo(tmp_path / "odd.jpg", 100)
    assert photo.size == (80, 60) and is_like(photo, 0.8, 0.2, RED)


def test_whatever_a_decoder_raises_costs_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarters().save(tmp_path / "photo.png")
    for error in (AttributeError("x has no y"), ZeroDivisionError("by zero"), MemoryError()):

        def fail(*_: Any, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(Image.Image, "convert", fail)
        assert reason(tmp_path / "photo.png").startswith("damaged photo: ")


def test_a_photo_without_its_end_is_used_and_noted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (400, 300, 3), dtype=np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) * 97 // 100])
    notes: list[str] = []
    assert read_photo(tmp_path / "a.jpg", 100, notes.append).size == (300, 400)
    (note,) = notes
    assert re.fullmatch(r"its end is cut off: about row (3[6-9]\d|400) of 400", note)
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    assert reason(tmp_path / "a.jpg").startswith("damaged photo: image file is truncated")


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_fewer_bits_in_sixteen_are_not_black(tmp_path: Path, bits: int) -> None:
    ramp = np.tile(np.linspace(0, 2**bits - 1, 64), (8, 1)).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "deep.tif")
    found = np.asarray(read_photo(tmp_path / "deep.tif", 100))[0, :, 0]
    np.testing.assert_array_equal(found, ramp[0] >> (bits - 8))


@pytest.mark.parametrize("white", [1.0, 1.0001, 1.5, 200.0, 1e6])
def test_float_pixels_are_not_black(tmp_path: Path, white: float) -> None:
    ramp = np.tile(np.linspace(0, white, 64), (8, 1)).astype(np.float32)
    ramp[0, 0] = np.nan
    Image.fromarray(ramp).save(tmp_path / "float.tif")
    found = np.asarray(read_photo(tmp_path / "float.tif", 100))[1, :, 0]
    assert found[0] == 0 and found[-1] >= 127 and (np.diff(found.astype(int)) >= 0).all()


def test_further_pages_are_noted(tmp_path: Path) -> None:
    quarters().save(tmp_path / "pages.tif", save_all=True, append_images=[quarters(), quarters()])
    notes: list[str] = []
    assert len(list(read_pictures(tmp_path / "pages.tif", 2, 100, notes.append))) == 1
    assert notes == ["only the first of its pictures is used: it holds 3"]


def film(path: Path, shades: list[int], size: tuple[int, int] = (64, 48), **settings: Any) -> None:
    """Write a video of grey frames, 10 a second."""
    with av.open(path.as_posix(), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        for shade in shades:
            grey = np.full((size[1], size[0], 3), shade, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())


def test_recordings_that_were_joined_are_both_read(tmp_path: Path) -> None:
    film(tmp_path / "one.ts", [40] * 20)
    film(tmp_path / "two.ts", [200] * 20)
    joined = (tmp_path / "one.ts").read_bytes() + (tmp_path / "two.ts").read_bytes()
    (tmp_path / "joined.ts").write_bytes(joined)
    found = list(read_pictures(tmp_path / "joined.ts", 2, 100))
    shades = [np.asarray(one.image).mean() for one in found]
    assert len(found) == 8 and max(shades[:4]) < 60 and min(shades[4:]) > 180
    times = [one.time_s for one in found if one.time_s is not None]
    assert times == sorted(times) and 3 < times[-1] - times[0] < 4


def test_around_a_bad_packet_the_video_is_read_and_the_gap_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    film(path, [40] * 15 + [200] * 15, gop_size=5)
    data = bytearray(path.read_bytes())
    places = [at for at in range(len(data)) if data[at : at + 4] == b"00dc"]
    size = int.from_bytes(data[places[12] + 4 : places[12] + 8], "little")
    data[places[12] + 8 : places[12] + 8 + size] = bytes(size)  # no frame begins so
    path.write_bytes(data)
    notes: list[str] = []
    found = list(read_pictures(path, 10, 100, notes.append))
    assert 25 <= len(found) < 30
    (note,) = notes
    assert re.fullmatch(r"part of it cannot be read: 0\.\d\d s after 1\.\d s", note)


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    film(tmp_path / "wide.mkv", [90] * 5, sample_aspect_ratio=Fraction(2, 1))
    assert {one.image.size for one in read_pictures(tmp_path / "wide.mkv", 10, 100)} == {(128, 48)}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("kind", "times"), [*dict.fromkeys(PHOTOS, 50).items(), *dict.fromkeys(VIDEOS, 15).items()]
)
def test_no_fuzzed_file_ends_a_batch(tmp_path: Path, kind: str, times: int) -> None:
    whole = photo_of(kind) if kind in PHOTOS else video_of(kind)
    path = tmp_path / f"fuzzed.{'jpg' if kind in PHOTOS else kind}"
    path.write_bytes(whole)
    assert outcome(path) in ("read", "noted")
    for number in range(times):
        path.write_bytes(fuzzed(whole, number))
        assert outcome(path) in ("read", "noted", "refused"), number
