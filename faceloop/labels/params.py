"""What of params.yaml says how people are asked, and how votes become labels."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from faceloop.base.blocks import Block, Share
from faceloop.pool.params import HoldingOut, OverfitShare
from faceloop.statistics.params import Intervals

RESERVED_LABELS = ("unsure", "not_a_face")
# Keys of the page that answer or do something else than a class; Space is one of them too.
RESERVED_KEYS = "uxsg?/.0"
ANNOTATOR_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
NO_ANNOTATORS = ("queue", "reserve", "adjudication")  # files beside the annotators'
TRUTH = "truth"  # names that begin so are of truth tables: nobody takes them for a person


class MergeLabels(OverfitShare):
    model_config = Block.model_config

    aggregation: Literal["majority", "dawid-skene"]


class Merging(HoldingOut):
    """What merge_labels goes by."""

    merge_labels: MergeLabels
    intervals: Intervals


class Label(Block):
    """How people are asked: their keys, and who is asked what."""

    keys: list[str]
    annotators: list[Annotated[str, Field(pattern=ANNOTATOR_PATTERN)]]
    overlap: Share
    validation_overlap: Share

    @field_validator("keys", mode="before")
    @classmethod
    def _digits(cls, keys: Any) -> Any:
        """Take `1` for `"1"`: YAML reads a bare digit as a number."""
        if not isinstance(keys, list):
            return keys
        return [str(key) if type(key) is int else key for key in keys]

    @field_validator("keys")
    @classmethod
    def _free(cls, keys: list[str]) -> list[str]:
        lowered = [key.lower() for key in keys]
        for key in lowered:
            if len(key) != 1 or not key.isprintable() or key.isspace() or key in RESERVED_KEYS:
                raise ValueError(
                    f"{key!r}; allowed: one character each, and none of {', '.join(RESERVED_KEYS)}"
                )
            if lowered.count(key) > 1:
                raise ValueError(f"{key!r} stands twice; allowed: each key once, A is a")
        return lowered

    @field_validator("annotators")
    @classmethod
    def _people(cls, names: list[str]) -> list[str]:
        lowered = [name.lower() for name in names]
        for name in lowered:
            if name in NO_ANNOTATORS or name.startswith(TRUTH):
                raise ValueError(f"{name!r} is no person's name here; choose another")
            if lowered.count(name) > 1:
                raise ValueError(f"{name!r} is named twice; allowed: each person once")
        return names
