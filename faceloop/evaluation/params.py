"""The blocks of the eval stages in params.yaml."""

from typing import Annotated

from pydantic import Field

from faceloop.base.blocks import Block


class Evaluation(Block):
    bootstrap: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    bins: Annotated[int, Field(ge=2)]


class EvalShadow(Evaluation):
    min_labels: Annotated[int, Field(ge=5)]
    sizes: Annotated[int, Field(ge=2, le=8)]
