"""Intervals from a figure and its standard error, for faces that come in groups."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from faceloop.statistics.estimates import Estimate


def deviation(draws: np.ndarray, n_groups: int) -> float:
    """Return the standard error from bootstrap draws of n groups, free of its bias.

    Resampled groups vary by (n - 1) / n of what new ones would (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, section 5.3); of one group nothing can be said: 0.
    """
    return float(np.std(draws)) * math.sqrt(n_groups / max(n_groups - 1, 1))


class Error(NamedTuple):
    """A figure's standard error, and how many degrees of freedom it was estimated with."""

    deviation: float
    freedom: float


def effective_groups(sizes: np.ndarray) -> float:
    """Return how many groups of one size tell as much as these, (sum n)² / sum n².

    Where a few crowds hold most faces, the error is as little known as theirs (Carter, Schnepel and
    Steigerwald 2017, Asymptotic Behavior of a t-Test Robust to Cluster Heterogeneity).

    Args:
        sizes: (n_groups,), faces of each, by weight.
    """
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def freedom_of_mean(draws: np.ndarray, n_groups: np.ndarray) -> float:
    """Return the degrees of freedom of the error of a mean over classes.

    Where a rare class has three faces, its own error is all but unknown and most of the mean's: by
    Satterthwaite (1946, An Approximate Distribution of Estimates of Variance Components), as in
    Welch's t test, (sum of v)² / sum of v² / (n - 1), v being the classes' variances.

    Args:
        draws: (replicates, C), of each class's figure.
        n_groups: (C,), photos and tracks that tell about each.
    """
    v = draws.var(axis=0)
    if not v.any():
        return float(max(n_groups.max() - 1, 1))
    return float(v.sum() ** 2 / (v**2 / np.maximum(n_groups - 1, 1)).sum())


def share_interval(
    value: float, error: Error, n_groups: int, confidence: float
) -> tuple[float, float]:
    """Return Wilson's interval for a figure in [0, 1], at the sample size that its error is worth.

    The effective size n* = value (1 - value) / error² carries weights, clusters and the figure's
    own shape, as for proportions from surveys (Korn and Graubard 1998, Survey Methodology 24;
    Franco et al. 2019, JSSAM 7). Where no error was seen, each group counts as one face. t in
    place of z for few groups.

    Args:
        value: the figure.
        error: its standard error, from groups, with its degrees of freedom.
        n_groups: photos and tracks.
        confidence: two-sided.
    """
    t2 = _t(confidence, error.freedom) ** 2
    spread, variance = value * (1 - value), error.deviation**2
    size = spread / variance if variance > 0 and spread > 0 else n_groups
    middle = (value + t2 / (2 * size)) / (1 + t2 / size)
    half = math.sqrt(t2 * (spread / size + t2 / (4 * size**2))) / (1 + t2 / size)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def share_estimate(value: float, error: Error, n_groups: int, confidence: float) -> Estimate:
    """Return a figure in [0, 1] with its `share_interval`."""
    low, high = share_interval(value, error, n_groups, confidence)
    return Estimate(value=value, low=low, high=high)


def difference_interval(
    value: float, error: float, n_groups: int, confidence: float
) -> tuple[float, float]:
    """Return a paired difference's interval, value ± t · error, within [-1, 1].

    One more group won and one more lost go into the error, as in Bonett and Price's interval for
    paired proportions (2012, J. Educ. Behav. Stat. 37): where no difference was seen in n groups,
    a rate of about 3 / n is not ruled out.
    """
    half = _t(confidence, n_groups - 1) * math.hypot(error, math.sqrt(2) / n_groups)
    return max(value - half, -1.0), min(value + half, 1.0)


def percentile_interval(
    value: float, draws: np.ndarray, n_groups: float, confidence: float
) -> tuple[float, float]:
    """Return a share's percentile interval, for figures that have no effective sample size.

    It reaches at least -ln(1 - confidence) / n_groups to each side: where every draw of n groups is
    alike, a rate of about 3 / n is not ruled out (the rule of three: Hanley and Lippman-Hand 1983).
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    floor = -math.log(1 - confidence) / n_groups
    return max(min(float(low), value - floor), 0.0), min(max(float(high), value + floor), 1.0)


def _t(confidence: float, freedom: float) -> float:
    return float(stdtrit(max(freedom, 1), (1 + confidence) / 2))
