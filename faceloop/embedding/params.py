"""The block `embed` of params.yaml, and what stands beside an ONNX model."""

import re
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from faceloop.base.blocks import Block, Positive, Precision
from faceloop.base.errors import FaceloopError
from faceloop.base.params import read_params

EMBEDDERS = ("mtcnn-onet", "vggface2", "casia-webface")
# An ONNX file must lie in the folder that the stage depends on, or a new one would go unnoticed.
ONNX_PATTERN = r"models/embedders/[^/]+\.onnx"


class OnnxInput(Block):
    """How an ONNX model wants its pixels, 0 to 255: in which order, and as (x - mean) / scale."""

    channels: Literal["rgb", "bgr"]
    mean: float
    scale: Positive


class Embed(Block):
    model: str
    precision: Precision

    @field_validator("model")
    @classmethod
    def _known(cls, model: str) -> str:
        if model not in EMBEDDERS and not re.fullmatch(ONNX_PATTERN, model):
            raise ValueError(f"allowed: {', '.join(EMBEDDERS)}, models/embedders/NAME.onnx")
        return model


def read_onnx_input(model: str) -> OnnxInput | None:
    """Return what `NAME.yaml` beside `NAME.onnx` says of its pixels; None of another `embed.model`.

    Raises:
        FaceloopError: it is not there, or lacks something.
    """
    if model in EMBEDDERS:
        return None
    path = Path(model).with_suffix(".yaml")
    if not path.is_file():
        raise FaceloopError(
            f"{path} is not here: write into it how {model} wants its pixels, 0 to 255, in three "
            "lines such as 'channels: bgr', 'mean: 127.5' and 'scale: 128.0'"
        )
    return read_params(OnnxInput, path)
