"""What of params.yaml says which batches there are, and how faces are cut out of them."""

from typing import Annotated

from pydantic import Field

from faceloop.base.blocks import Batches, Declared, Part
from faceloop.base.errors import FaceloopError


class Margin(Part):
    """What a crop holds around the box, as a share of its longer side, on each side."""

    margin: Annotated[float, Field(ge=0, le=2)]


class OfABatch(Declared):
    """What a stage that runs once a batch knows of the others; no result of it depends on them."""

    batches: Annotated[Batches, Field(exclude=True)]

    def check(self, batch: str) -> None:
        """Refuse a batch that params.yaml does not name.

        Raises:
            FaceloopError: with those that it does.
        """
        if batch not in self.batches:
            known = ", ".join(self.batches)
            raise FaceloopError(f"unknown batch {batch!r}; allowed: {known or 'none yet'}")
