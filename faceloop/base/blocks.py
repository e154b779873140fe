"""Blocks of params.yaml: validated, frozen, and nothing in them that no one asked for."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from faceloop.base.rounds import PRIOR, is_round, order_of

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
RoundName = Annotated[str, Field(pattern=r"^o\d{2,}-i\d{2,}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]


def _auto_or_count(value: Any) -> Any:
    if value != "auto" and (type(value) is not int or value < 1):
        raise ValueError("allowed: auto, or a whole number from 1")
    return value


AutoOrCount = Annotated[Literal["auto"] | int, BeforeValidator(_auto_or_count)]


class Block(BaseModel):
    """A block of params.yaml: no unknown key, no missing key, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Rounds(Block):
    """Which rounds are compared, and which are left out of training."""

    accepted: str
    candidate: RoundName
    rejected: list[RoundName]
    without_gain: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.accepted != PRIOR and not is_round(self.accepted):
            raise ValueError(f"accepted: {self.accepted!r} is neither a round nor '{PRIOR}'")
        if order_of(self.accepted) >= order_of(self.candidate):
            raise ValueError(f"accepted: {self.accepted} must come before {self.candidate}")
        if {self.accepted, self.candidate} & set(self.rejected):
            raise ValueError("rejected: holds the accepted or the candidate round")
        return self
