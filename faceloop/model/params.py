"""The block `train` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from faceloop.base.blocks import Block, Part, Positive


class EmbedderName(Part):
    """Which embedding a head is trained on."""

    model: str


class Train(Block):
    l2: Annotated[list[Positive], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]
    class_weight: Literal["none", "balanced"]
