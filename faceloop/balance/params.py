"""The block `balance` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from faceloop.base.blocks import Block, Count, Share


class Balance(Block):
    targets: dict[str, dict[str, Share]]
    tolerance: Annotated[float, Field(gt=0, lt=1)]
    on_skew: Literal["warn", "refuse"]
    method: Literal["bbse", "emq"]
    min_random: Count
    min_cell: Annotated[int, Field(ge=5)]
    clusters: Count
    max_faces: Annotated[int, Field(ge=100)]
    bootstrap: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]

    @field_validator("targets")
    @classmethod
    def _shares(cls, targets: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for column, shares in targets.items():
            if sum(shares.values()) > 1 + 1e-9:
                raise ValueError(f"{column}: the shares add up to {sum(shares.values()):g}, over 1")
        return targets
