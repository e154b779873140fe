"""What of params.yaml says which figure counts, and how sure an interval is."""

from typing import Annotated, Literal

from pydantic import Field

from faceloop.base.blocks import Block, Part


class Metric(Part):
    """Which figure the loop is about."""

    metric: Literal["accuracy", "macro_f1", "balanced_accuracy"]


class Intervals(Block):
    """How every interval is made: from how many draws, and how often it shall hold the truth."""

    bootstrap: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
