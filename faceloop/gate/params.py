"""The block `gate` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from faceloop.base.blocks import Block, Count, Share
from faceloop.statistics.params import Metric


class Gate(Metric):
    model_config = Block.model_config

    target: Share
    overfit_margin: Annotated[float, Field(gt=0, le=1)]
    min_gain: Annotated[float, Field(gt=0, le=1)]
    error_rate: Annotated[float, Field(gt=0, lt=0.5)]
    looks: Count
    patience: Count | None
    on_undecided: Literal["continue", "extend", "stop"]
    max_labels: Count | None
    min_alpha: Annotated[float, Field(ge=-1, le=1)] | None
