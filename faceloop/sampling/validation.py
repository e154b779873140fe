"""The iteration validation set: a stratified random sample with known inclusion probability."""

import math

import numpy as np
import pandas as pd

from faceloop.base.tables import Ids


def draw_groups(groups: Ids, share: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw at random a share of the groups, rounded up.

    Returns:
        The mask (n,) of the drawn groups' faces, and the probability of each group to be drawn.
    """
    place, names = pd.factorize(pd.Series(groups), sort=True)
    drawn = np.zeros(len(names), dtype=bool)
    drawn[rng.permutation(len(names))[: math.ceil(share * len(names))]] = True
    return drawn[place], drawn.sum() / max(len(names), 1)


def stratified_sample(
    strata: np.ndarray, groups: Ids, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw exactly `size` of n positions, proportionally over strata and within over groups.

    Systematic sampling from a list sorted by stratum and by group, both shuffled within: every
    position has the same inclusion probability size / n, even in a stratum too small for a place
    of its own, so plain means over the sample are unbiased (Särndal et al., Model Assisted Survey
    Sampling, 1992, section 3.4). Of a long track a few faces are drawn, not most.

    Args:
        strata: int of shape (n,).
        groups: of shape (n,), photo or track.
        size: how many; all n where there are fewer.
        rng: of the shuffle and the start.

    Returns:
        Positions in ascending order.
    """
    n = len(strata)
    size = min(size, n)
    place, names = pd.factorize(pd.Series(groups), sort=True)
    turn, of_group = rng.permutation(n), rng.permutation(len(names))
    ordered = np.lexsort((turn, of_group[place], strata))
    steps = (np.arange(size) + rng.random()) * (n / max(size, 1))
    return np.sort(ordered[np.minimum(steps.astype(int), n - 1)]) if size else np.array([], int)
