"""Drawn frames into an mp4 file."""

from collections.abc import Iterable
from pathlib import Path

import av
from PIL import Image

from demo.background import Size
from demo.scene import FaceTruth

Picture = tuple[Image.Image, list[FaceTruth]]

# The rate factor is sharp enough to tell thin frames and small enough to keep. Looking ahead is
# off: with it x264 wrote other bytes from run to run at some sizes.
X264 = {"crf": "26", "x264-params": "bframes=0:mbtree=0:rc-lookahead=0:weightp=0"}


def write_mp4(
    path: Path, frames: Iterable[Picture], frames_per_second: int, size_px: Size
) -> list[list[FaceTruth]]:
    """Encode RGB frames of `size_px`, even in width and height, as H.264 (else MPEG-4), yuv420p.

    Returns the faces that came with each frame, in order.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    faces_of_frames = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=frames_per_second)
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        # One thread: the bytes must not depend on how the work was split.
        stream.codec_context.thread_count = 1
        stream.options = X264 if codec == "libx264" else {"qscale": "5"}
        for picture, faces in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            faces_of_frames.append(faces)
        container.mux(stream.encode())
    return faces_of_frames
