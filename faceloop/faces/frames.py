"""One frame of a video, found by seeking: as soon an hour in as at the start."""

import math
from pathlib import Path

import av
from PIL import Image

from faceloop.faces.media import (
    OPEN_VIDEO,
    Unreadable,
    best_stream,
    check_size,
    packets,
    upright,
)

LEAD_S = 10.0  # s; a key frame comes more often
JOINED = ("mpegts", "mpeg")  # formats of which recordings can be put one behind the other


def read_frame(path: Path, time_s: float, max_megapixels: float) -> Image.Image:
    """Return the frame of a video at `time_s`, as `read_pictures` gave it: upright RGB.

    Raises:
        Unreadable: the video is damaged or too large, or seeking finds no frame of that time.
    """
    try:
        with av.open(path.as_posix(), metadata_errors="replace", options=OPEN_VIDEO) as container:
            stream = best_stream(container)
            check_size(stream.width, stream.height, max_megapixels)
            lead_s, whole = 0.0, True  # whether a frame is decoded from a key frame on
            if container.format.name in JOINED:
                if any(ahead for _, ahead in packets(container, stream)):
                    raise Unreadable(f"{path}: its time stamps start again, and lead nowhere")
                lead_s, whole = LEAD_S, False  # these have no index: seeking ends anywhere
            half_frame_s = 0.5 / float(stream.average_rate or 25)
            # To the key frame before; frames of a video that starts late keep their own times.
            before_s = max(time_s - lead_s, 0)
            container.seek(math.floor(before_s / float(stream.time_base or 1)), stream=stream)
            for frame in container.decode(stream):
                whole = whole or frame.key_frame
                late_s = math.inf if frame.time is None else frame.time - time_s
                if late_s > half_frame_s:
                    break
                if whole and late_s >= -half_frame_s:
                    return upright(frame, stream)
    except (av.FFmpegError, OSError) as error:
        raise Unreadable(f"{path}: {error}") from error
    raise Unreadable(f"{path}: no frame at {time_s:.3f} s")
