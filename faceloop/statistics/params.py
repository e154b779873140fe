"""What of params.yaml says which figure counts."""

from typing import Literal

from faceloop.base.blocks import Part


class Metric(Part):
    """Which figure the loop is about."""

    metric: Literal["accuracy", "macro_f1", "balanced_accuracy"]
