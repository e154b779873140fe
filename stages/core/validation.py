"""The iteration validation set: a stratified random sample with known inclusion probability."""

import math

import numpy as np


def draw_groups(
    groups: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Draw at random a share of the groups, rounded up: the first phase of the sample.

    A validation face closes its whole photo or track to training, so that without this a small
    pool of crowded photos would be used up by validation alone.

    Returns:
        The mask (n,) of the drawn groups' faces, and the probability of each group to be drawn.
    """
    names = np.unique(groups)
    drawn = rng.permutation(names)[: math.ceil(share * len(names))]
    return np.isin(groups, drawn), len(drawn) / max(len(names), 1)


def stratified_sample(strata: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw exactly `size` of n positions, proportionally over strata.

    Systematic sampling from a list sorted by stratum and shuffled within: every position has the
    same inclusion probability size / n, even in a stratum too small for a place of its own, so
    plain means over the sample are unbiased (Särndal et al., Model Assisted Survey Sampling,
    1992, section 3.4).

    Args:
        strata: int of shape (n,).
        size: how many; all n where there are fewer.
        rng: of the shuffle and the start.

    Returns:
        Positions in ascending order.
    """
    n = len(strata)
    size = min(size, n)
    shuffled = rng.permutation(n)
    ordered = shuffled[np.argsort(strata[shuffled], kind="stable")]
    steps = (np.arange(size) + rng.random()) * (n / max(size, 1))
    return np.sort(ordered[np.minimum(steps.astype(int), n - 1)]) if size else np.array([], int)
