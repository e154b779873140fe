"""A frame found by seeking is the frame that was looked at."""

from pathlib import Path

import numpy as np
import pytest
from test_media import film

from faceloop.faces.frames import read_frame
from faceloop.faces.media import Unreadable, read_pictures

VIDEO = Path(__file__).resolve().parents[1] / "data/raw/demo/videos/walk.mp4"


@pytest.mark.parametrize("frames_per_second", [2.0, 5.0])
def test_seeking_gives_the_same_pixels_as_reading_from_the_start(frames_per_second: float) -> None:
    for picture in read_pictures(VIDEO, frames_per_second, max_megapixels=100):
        assert picture.time_s is not None
        sought = read_frame(VIDEO, picture.time_s, max_megapixels=100)
        assert np.array_equal(np.asarray(sought), np.asarray(picture.image)), picture.time_s


def test_a_time_beyond_the_end_has_no_frame() -> None:
    with pytest.raises(Unreadable, match=r"no frame at 3600\.000 s|walk\.mp4"):
        read_frame(VIDEO, 3600.0, max_megapixels=100)


def test_what_is_no_video_or_too_large_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    with pytest.raises(Unreadable):
        read_frame(tmp_path / "broken.mp4", 0.0, max_megapixels=100)
    with pytest.raises(Unreadable, match="larger than max_megapixels"):
        read_frame(VIDEO, 0.0, max_megapixels=0.01)


def test_of_joined_recordings_no_frame_is_sought_by_time(tmp_path: Path) -> None:
    for shade in (40, 120, 200):
        film(tmp_path / f"{shade}.ts", [shade] * 10)
    joined = b"".join((tmp_path / f"{shade}.ts").read_bytes() for shade in (40, 120, 200))
    (tmp_path / "joined.ts").write_bytes(joined)
    with pytest.raises(Unreadable, match="start again"):
        read_frame(tmp_path / "joined.ts", 2.0, max_megapixels=100)
    for picture in read_pictures(tmp_path / "40.ts", 10, max_megapixels=100):
        assert picture.time_s is not None
        found = read_frame(tmp_path / "40.ts", picture.time_s, max_megapixels=100)
        assert np.asarray(found).mean() < 60
