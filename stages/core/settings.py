"""params.yaml as validated, frozen settings: one class a block, one block a stage.

The numbers' reasons stand in params.yaml beside them; here stand only types and limits.
"""

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from stages.core.rounds import PRIOR, is_round, order_of

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
RoundName = Annotated[str, Field(pattern=r"^o\d{2,}-i\d{2,}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]

# A strategy is how uncertainty is scored over the whole pool, and how a diverse few are picked
# from the most uncertain; a preset is a name for such a pair.
UNCERTAINTY = ("entropy", "least_confidence", "margin", "ratio", "power_margin", "random")
DIVERSITY = (
    *("top", "kmeans", "spherical_kmeans", "weighted_kmeans"),
    *("cluster_margin", "badge", "k_center", "typical"),
)
PRESETS = {"article": "entropy/kmeans", "random": "random/top"}

RESERVED_LABELS = ("unsure", "not_a_face")
# Keys of the page that answer or do something else than a class; Space is one of them too.
RESERVED_KEYS = "uxsg?/0"
ANNOTATOR_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
NO_ANNOTATORS = ("queue", "reserve", "adjudication")  # files beside the annotators'
TRUTH = "truth"  # names that begin so are of truth tables: nobody takes them for a person


EMBEDDERS = ("mtcnn-onet", "vggface2", "casia-webface")
# An ONNX file must lie in the folder that the stage depends on, or a new one would go unnoticed.
ONNX_PATTERN = r"models/embedders/[^/]+\.onnx"


def split_strategy(name: str) -> tuple[str, str]:
    """Return a strategy's two halves: `article` is entropy and kmeans.

    Raises:
        ValueError: it is no preset, and no uncertainty/diversity.
    """
    uncertainty, _, diversity = PRESETS.get(name, name).partition("/")
    if uncertainty not in UNCERTAINTY or diversity not in DIVERSITY:
        halves = f"one of {', '.join(UNCERTAINTY)} / one of {', '.join(DIVERSITY)}"
        raise ValueError(f"allowed: {', '.join(PRESETS)}, or {halves}")
    return uncertainty, diversity


def _known_strategy(name: str) -> str:
    split_strategy(name)
    return name


def _known_diversity(name: str) -> str:
    if name not in DIVERSITY:
        raise ValueError(f"allowed: {', '.join(DIVERSITY)}")
    return name


def _auto_or_count(value: Any) -> Any:
    if value != "auto" and (type(value) is not int or value < 1):
        raise ValueError("allowed: auto, or a whole number from 1")
    return value


AutoOrCount = Annotated[Literal["auto"] | int, BeforeValidator(_auto_or_count)]
Diversity = Annotated[str, AfterValidator(_known_diversity)]
Strategy = Annotated[str, AfterValidator(_known_strategy)]


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


class Engine(Block):
    name: Literal["local", "ray"]
    workers: AutoOrCount
    address: str | None

    @field_validator("address")
    @classmethod
    def _of_the_cluster_itself(cls, address: str | None) -> str | None:
        if address and address.startswith("ray://"):
            raise ValueError(
                "Ray Client is not used: run 'ray start --address=HEAD:6379' on this machine "
                "and write HEAD:6379"
            )
        return address


class ExtractFaces(Block):
    frames_per_second: Positive
    min_face_px: Annotated[int, Field(ge=12)]
    min_probability: Share
    min_sharpness: Annotated[float, Field(ge=0)]
    margin: Annotated[float, Field(ge=0, le=2)]
    crop_px: Annotated[int, Field(ge=32, le=1024)]
    duplicate_similarity: Share
    faces_per_track: Count
    max_megapixels: Positive
    stall_seconds: Positive
    precision: Precision
    device: Device


class OnnxInput(Block):
    channels: Literal["rgb", "bgr"]
    mean: float
    scale: Positive


class Embed(Block):
    model: str
    batch_size: AutoOrCount
    device: Device
    precision: Precision
    stored_as: Literal["float16", "float32"]
    onnx: OnnxInput

    @field_validator("model")
    @classmethod
    def _known(cls, model: str) -> str:
        if model not in EMBEDDERS and not re.fullmatch(ONNX_PATTERN, model):
            raise ValueError(f"allowed: {', '.join(EMBEDDERS)}, models/embedders/NAME.onnx")
        return model


class LinkDuplicates(Block):
    min_cosine: Share
    min_similarity: Share


class MergeLabels(Block):
    aggregation: Literal["majority", "dawid-skene"]
    overfit_share: Annotated[float, Field(ge=0, le=0.5)]
    min_iou: Annotated[float, Field(gt=0, le=1)]
    bootstrap: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]


class Train(Block):
    l2: Annotated[list[Positive], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]
    class_weight: Literal["none", "balanced"]


class Evaluation(Block):
    bootstrap: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    bins: Annotated[int, Field(ge=2)]


class EvalShadow(Evaluation):
    min_labels: Annotated[int, Field(ge=5)]
    sizes: Annotated[int, Field(ge=2, le=8)]


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


class Gate(Block):
    metric: Literal["accuracy", "macro_f1", "balanced_accuracy"]
    target: Share
    overfit_margin: Annotated[float, Field(gt=0, le=1)]
    min_gain: Annotated[float, Field(gt=0, le=1)]
    error_rate: Annotated[float, Field(gt=0, lt=0.5)]
    looks: Count
    power: Annotated[float, Field(ge=0.5, lt=1)]
    patience: Count | None
    settled_kappa: Share
    on_undecided: Literal["continue", "extend", "stop"]
    max_labels: Count | None
    min_alpha: Annotated[float, Field(ge=-1, le=1)] | None


class SampleValidation(Block):
    size: Count
    reserve: Annotated[int, Field(ge=0)]
    max_share: Annotated[float, Field(gt=0, lt=1)]
    max_faces: Annotated[int, Field(ge=100)]
    pca_components: Count
    strata: Count

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.max_faces < self.size + self.reserve:
            raise ValueError("max_faces: must be at least size + reserve")
        return self


class SampleUncertain(Block):
    size: Count


class SampleDiverse(Block):
    size: Count
    cold_start: Diversity
    pca_components: Count
    clusters: Count
    centroid: Share
    outlier: Share
    random: Share

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = self.centroid + self.outlier + self.random
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise ValueError(
                f"centroid: centroid + outlier + random must add up to 1, not {total:g}"
            )
        return self


class SampleRelabel(Block):
    share: Share


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
