"""The blocks of the sampling stages in params.yaml, and the strategies' names."""

import math
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from faceloop.base.blocks import Block, Count, Declared, Part, RoundName, Share

# A strategy is how uncertainty is scored over the whole pool, and how a diverse few are picked
# from the most uncertain; a preset is a name for such a pair.
UNCERTAINTY = ("entropy", "least_confidence", "margin", "ratio", "power_margin", "random")
DIVERSITY = (
    *("top", "kmeans", "spherical_kmeans", "weighted_kmeans"),
    *("cluster_margin", "badge", "k_center", "typical"),
)
PRESETS = {"article": "entropy/kmeans", "random": "random/top"}


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


Strategy = Annotated[str, AfterValidator(_known_strategy)]


class Candidate(Part):
    """The round being labelled or judged."""

    candidate: RoundName


class ByStrategy(Declared):
    """How faces are picked."""

    strategy: Strategy

    @property
    def uncertainty(self) -> str:
        """The strategy's first half: how the whole pool is scored."""
        return split_strategy(self.strategy)[0]

    @property
    def diversity(self) -> str:
        """The strategy's second half: how a diverse few are picked."""
        return split_strategy(self.strategy)[1]


class JuryShare(Part):
    """What of a batch is set aside."""

    jury_share: Annotated[float, Field(gt=0, lt=1)]


class JurySize(Part):
    """How many of those set aside a round asks."""

    size: Count
    reserve: Annotated[int, Field(ge=0)]


class SampleValidation(JurySize, JuryShare):
    """The whole block."""

    model_config = Block.model_config


class SampleUncertain(Block):
    size: Count


class SampleDiverse(Block):
    size: Count
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
