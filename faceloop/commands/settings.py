"""The whole of params.yaml, as people's commands check it."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from faceloop.balance.params import Balance
from faceloop.base.blocks import Block, Count, Name, Rounds
from faceloop.duplicates.params import LinkDuplicates
from faceloop.embedding.params import Embed
from faceloop.evaluation.params import EvalShadow, Evaluation
from faceloop.faces.params import ExtractFaces
from faceloop.gate.params import Gate
from faceloop.labels.params import RESERVED_LABELS, Label, MergeLabels
from faceloop.model.params import Train
from faceloop.sampling.params import (
    SampleDiverse,
    SampleRelabel,
    SampleUncertain,
    SampleValidation,
    Strategy,
    split_strategy,
)
from faceloop.workers.params import Engine


class Report(Block):
    faces: bool
    faces_shown: Count


class Settings(Block):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0)]
    classes: Annotated[list[Name], Field(min_length=2)]
    batches: list[Name]
    strategy: Strategy
    rounds: Rounds
    engine: Engine
    extract_faces: ExtractFaces
    embed: Embed
    link_duplicates: LinkDuplicates
    merge_labels: MergeLabels
    train: Train
    eval_overfit: Evaluation
    eval_iteration: Evaluation
    eval_shadow: EvalShadow
    gate: Gate
    balance: Balance
    sample_validation: SampleValidation
    sample_uncertain: SampleUncertain
    sample_diverse: SampleDiverse
    label: Label
    report: Report
    sample_relabel: SampleRelabel

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        for key in ("classes", "batches"):
            names = getattr(self, key)
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{key}: {twice[0]!r} is named twice; allowed: each name once")
        strange = sorted(set(self.balance.targets.get("class", {})) - set(self.classes))
        if strange:
            raise ValueError(
                f"balance.targets.class: {strange[0]!r} is no class; allowed: "
                f"{', '.join(self.classes)}"
            )
        reserved = sorted(set(self.classes) & set(RESERVED_LABELS))
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

    @property
    def uncertainty(self) -> str:
        """The strategy's first half: how the whole pool is scored."""
        return split_strategy(self.strategy)[0]

    @property
    def diversity(self) -> str:
        """The strategy's second half: how a diverse few are picked."""
        return split_strategy(self.strategy)[1]

    @property
    def pool(self) -> str | None:
        """The batch that faces are picked from: the last; none in a project without batches."""
        return self.batches[-1] if self.batches else None
