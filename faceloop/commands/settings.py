"""The whole of params.yaml, as people's commands check it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import model_validator

from faceloop.balance.params import Balance
from faceloop.base.blocks import Block, Device
from faceloop.base.params import PARAMS, read_params
from faceloop.duplicates.params import LinkDuplicates
from faceloop.embedding.params import Embed
from faceloop.faces.params import ExtractFaces
from faceloop.gate.params import Gate
from faceloop.labels.file_names import check_file_name, check_spelling
from faceloop.labels.params import RESERVED_LABELS, Label, Merging
from faceloop.model.params import Train
from faceloop.sampling.params import (
    ByStrategy,
    SampleDiverse,
    SampleRelabel,
    SampleUncertain,
    SampleValidation,
)
from faceloop.workers.params import Workers


class Report(Block):
    faces: bool


class Settings(Merging, ByStrategy):
    """The whole of params.yaml."""

    model_config = Block.model_config

    device: Device
    workers: Workers
    extract_faces: ExtractFaces
    embed: Embed
    link_duplicates: LinkDuplicates
    train: Train
    gate: Gate
    balance: Balance
    sample_validation: SampleValidation
    sample_uncertain: SampleUncertain
    sample_diverse: SampleDiverse
    label: Label
    report: Report
    sample_relabel: SampleRelabel

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        strange = sorted(set(self.balance.targets.get("class", {})) - set(self.classes))
        if strange:
            raise ValueError(
                f"balance.targets.class: {strange[0]!r} is no class; allowed: "
                f"{', '.join(self.classes)}"
            )
        check_as_files("classes", self.classes)
        check_as_files("batches", self.batches)
        reserved = [name for name in self.classes if name.lower() in RESERVED_LABELS]
        if reserved:
            raise ValueError(f"classes: {reserved[0]!r} is always offered; leave it out")
        if self.label.keys and len(self.label.keys) != len(self.classes):
            raise ValueError(
                f"label.keys: {len(self.label.keys)} keys for {len(self.classes)} classes; "
                "allowed: one a class, or [] for 1 to 9 and then letters"
            )
        if self.sample_uncertain.size < self.sample_diverse.size:
            raise ValueError("sample_uncertain.size: must be at least sample_diverse.size")
        return self


def check_as_files(key: str, names: Sequence[str]) -> None:
    """Refuse names that some disk cannot keep, or cannot keep apart.

    Raises:
        ValueError: with the key, and which.
    """
    try:
        for name in names:
            check_file_name(name)
        check_spelling(names)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def read_settings(path: Path = PARAMS) -> Settings:
    """Return all of params.yaml.

    Raises:
        FaceloopError: the file is missing or no YAML; a key is unknown, missing or out of range.
    """
    return read_params(Settings, path)
