"""The block `extract_faces` of params.yaml."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from faceloop.base.blocks import Block, Count, Positive, Precision, Share
from faceloop.crops.params import Margin


def _inside_raw(name: str) -> str:
    if not re.fullmatch(r"[^/\\]+(/[^/\\]+)*", name) or {".", ".."} & set(name.split("/")):
        raise ValueError("allowed: a batch, or a folder in it such as march/cropped")
    return name


Folder = Annotated[str, AfterValidator(_inside_raw)]


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
    # Of what each photo shows itself, so that they are in no key and no release.
    crops: Annotated[list[Folder], Field(exclude=True)] = []
    boxes: Annotated[dict[Folder, Literal["voc", "coco", "yolo", "csv"]], Field(exclude=True)] = {}

    @model_validator(mode="after")
    def _one_folder_in_no_other(self) -> Self:
        names = sorted([*self.crops, *self.boxes], key=lambda name: name.split("/"))
        for one, other in zip(names, names[1:], strict=False):
            if f"{other}/".startswith(f"{one}/"):
                raise ValueError(f"crops and boxes: {other!r} is named twice or lies in {one!r}")
        return self
