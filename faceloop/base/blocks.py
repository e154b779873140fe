"""What code reads of params.yaml: validated, frozen, and declared as a type.

The numbers' reasons stand in params.yaml beside them; here stand only types and limits.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from faceloop.base.records import Record
from faceloop.base.rounds import PRIOR, is_round, order_of

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
NAMES_ALLOWED = "allowed: letters a to z without accents, digits and, but not first, - _ ."
RoundName = Annotated[str, Field(pattern=r"^o\d{2,}-i\d{2,}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]


def _each_once(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]!r} is named twice; allowed: each name once")
    return names


def _of_plain_letters(name: str) -> str:
    if not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(NAMES_ALLOWED)
    return name


Name = Annotated[str, AfterValidator(_of_plain_letters)]
Seed = Annotated[int, Field(ge=0)]
Classes = Annotated[list[Name], Field(min_length=2), AfterValidator(_each_once)]
Batches = Annotated[list[Name], AfterValidator(_each_once)]


class Block(Record):
    """A block of params.yaml."""


class Part(Block):
    """Some keys of a block: what a stage reads of another's; the others are not looked at."""

    model_config = ConfigDict(extra="ignore")


class Declared(Part):
    """What one stage reads of params.yaml; a field that decides no result is excluded."""


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


class Loop(Declared):
    """What most stages need to know of the loop."""

    seed: Seed
    classes: Classes
    batches: Batches
    rounds: Rounds

    @property
    def pool(self) -> str | None:
        """The batch that faces are picked from: the last; none in a project without batches."""
        return self.batches[-1] if self.batches else None
