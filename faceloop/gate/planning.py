"""How many more faces would settle an open question."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import ndtri

from faceloop.statistics.estimates import Difference

POWER = 0.8  # chance that so many faces settle it, at the difference seen: as studies are planned


class Side(NamedTuple):
    """A way to settle: how far the estimate is beyond its bound, and at what confidence."""

    distance: float
    confidence: float


def faces_to_settle(n: int, delta: Difference, confidence: float, sides: Sequence[Side]) -> int:
    """Return how many more faces would settle a question on its nearer side, at least 1.

    n = ((z_confidence + z_power) error_1 / distance)², error_1 being one face's: the usual sample
    size (Chow et al., Sample Size Calculations in Clinical Research, 2008, section 3.2), at the
    difference seen so far. That difference is itself uncertain: docs/why/gate.md measures how often
    the number is enough.

    Args:
        n: faces that were compared.
        delta: the metric's difference.
        confidence: of its interval.
        sides: those with no positive distance cannot settle it.
    """
    z_shown = ndtri((1 + confidence) / 2)
    error = (delta.high - delta.low) / 2 / z_shown
    needed = [
        ((ndtri((1 + side.confidence) / 2) + ndtri(POWER)) * error / side.distance) ** 2
        for side in sides
        if side.distance > 0
    ]
    return max(1, math.ceil(n * (min(needed) - 1)))
