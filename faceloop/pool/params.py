"""What of params.yaml says which faces are open, and which are held out."""

from typing import Annotated

from pydantic import Field

from faceloop.base.blocks import Loop, Part


class OverfitShare(Part):
    overfit_share: Annotated[float, Field(ge=0, le=0.5)]


class HoldingOut(Loop):
    """What says which faces the next round may not train on."""

    merge_labels: OverfitShare
