"""The block `train` of params.yaml."""

from typing import Literal

from faceloop.base.blocks import Block, Part


class EmbedderName(Part):
    """Which embedding a head is trained on."""

    model: str


class Train(Block):
    class_weight: Literal["none", "balanced"]
