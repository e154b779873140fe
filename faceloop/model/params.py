"""The block `train` of params.yaml."""

from typing import Literal, Self

from pydantic import model_validator

from faceloop.base.blocks import Block, Part


class EmbedderName(Part):
    """Which embedding a head is trained on."""

    model: str


class Train(Block):
    head: Literal["pool", "logistic"]
    class_weight: Literal["none", "balanced"]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.head == "pool" and self.class_weight == "balanced":
            raise ValueError("class_weight: balanced goes with head: logistic alone")
        return self
