"""The iteration validation set: a stratified random sample with known inclusion probability."""

import math

import numpy as np
import pandas as pd

from faceloop.base.tables import Ids
from faceloop.statistics.clustering import cluster_points, principal_components

# Faces that are clustered, drawn at random: 0.4 points of a stratum's share at most.
MOST_CLUSTERED = 20_000
COMPONENTS = 32  # before clustering: strata need be no finer, and the whole pool is clustered
STRATA = 12  # that each send their share: about five faces each of 60


def draw_groups(groups: Ids, share: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw at random a share of the groups, rounded up: the first phase of the sample.

    A validation face closes its whole photo or track to training, so that without this a small
    pool of crowded photos would be used up by validation alone.

    Returns:
        The mask (n,) of the drawn groups' faces, and the probability of each group to be drawn.
    """
    place, names = pd.factorize(pd.Series(groups), sort=True)
    drawn = np.zeros(len(names), dtype=bool)
    drawn[rng.permutation(len(names))[: math.ceil(share * len(names))]] = True
    return drawn[place], drawn.sum() / max(len(names), 1)


def strata_of(features: np.ndarray, seed: int) -> np.ndarray:
    """Return the stratum (n,) of each face: its k-means cluster among principal components.

    Args:
        features: of shape (n, d).
        seed: of PCA and k-means.
    """
    strata, _ = cluster_points(principal_components(features, COMPONENTS), STRATA, seed)
    return strata


def thinned(frame: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return `size` of the frame's faces at random, in their order; all where there are no more.

    Double sampling (Särndal et al., Model Assisted Survey Sampling, 1992, chapter 9): clusters of
    so many show the frame's strata nearly as all of it would, and every face is as likely as
    before to be drawn in the end.
    """
    return frame if len(frame) <= size else np.sort(rng.choice(frame, size, replace=False))


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
