"""The block `extract_faces` of params.yaml."""

from typing import Annotated

from pydantic import Field

from faceloop.base.blocks import Block, Count, Positive, Precision, Share
from faceloop.crops.params import Margin


class ExtractFaces(Margin):
    model_config = Block.model_config

    frames_per_second: Positive
    min_face_px: Annotated[int, Field(ge=12)]
    min_probability: Share
    min_sharpness: Annotated[float, Field(ge=0)]
    crop_px: Annotated[int, Field(ge=32, le=1024)]
    faces_per_track: Count
    max_megapixels: Positive
    stall_seconds: Positive
    precision: Precision
