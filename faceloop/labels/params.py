"""What of params.yaml says how people are asked, and how votes become labels."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, field_validator

from faceloop.base.blocks import NAMES_ALLOWED, Block, Share
from faceloop.labels.file_names import check_file_name, check_spelling
from faceloop.pool.params import HoldingOut, OverfitShare
from faceloop.statistics.params import Intervals

RESERVED_LABELS = ("unsure", "not_a_face", "unresolved")
# Keys of the page that answer or do something else than a class; Space is one of them too.
RESERVED_KEYS = "uxsg?/.0"
NO_ANNOTATORS = ("queue", "reserve", "adjudication")  # files beside the annotators'
TRUTH = "truth"  # names that begin so are of truth tables: nobody takes them for a person


def check_person(name: str) -> str:
    """Return a name that a person's vote file may have.

    Raises:
        ValueError: with why not, and what is allowed.
    """
    check_file_name(name)
    if "." in name:
        raise ValueError(NAMES_ALLOWED.removesuffix(" ."))
    if name.lower() in NO_ANNOTATORS:
        raise ValueError(f"the files {', '.join(NO_ANNOTATORS)} are not a person's")
    return name


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
    annotators: list[Annotated[str, AfterValidator(check_person)]]
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
        for name in names:
            if name.lower().startswith(TRUTH):
                raise ValueError(f"{name!r} is no person's name here; choose another")
            if names.count(name) > 1:
                raise ValueError(f"{name!r} is named twice; allowed: each person once")
        check_spelling(names)
        return names
