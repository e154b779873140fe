"""The block `embed` of params.yaml, and what stands beside an ONNX model."""

import re
from typing import Literal

from pydantic import field_validator

from faceloop.base.blocks import Block, Positive, Precision

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
