"""The block `balance` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from faceloop.base.blocks import Block, Part, Share


class Wanted(Part):
    """What a batch should show, and of how many faces a figure is told."""

    targets: dict[str, dict[str, Share]]
    tolerance: Annotated[float, Field(gt=0, lt=1)]
    min_cell: Annotated[int, Field(ge=5)]

    @field_validator("targets")
    @classmethod
    def _shares(cls, targets: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for column, shares in targets.items():
            if sum(shares.values()) > 1 + 1e-9:
                raise ValueError(f"{column}: the shares add up to {sum(shares.values()):g}, over 1")
        return targets


class Balance(Wanted):
    model_config = Block.model_config

    on_skew: Literal["warn", "refuse"]
