"""What of params.yaml says how faces are cut out."""

from typing import Annotated

from pydantic import Field

from faceloop.base.blocks import Part


class Margin(Part):
    """What a crop holds around the box, as a share of its longer side, on each side."""

    margin: Annotated[float, Field(ge=0, le=2)]
