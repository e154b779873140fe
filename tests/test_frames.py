"""A frame found by seeking is the frame that was looked at."""

from pathlib import Path

import numpy as np
import pytest

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
