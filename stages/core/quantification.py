"""Class shares of many faces, corrected for what the classifier mixes up (quantification).

A share of predictions is no share of faces: where sunglasses are taken for none in one case of
ten, a tenth of them is missing. Under label shift (only the classes' shares differ from the faces
that the confusion was measured on) predicted shares q and true shares p go together as q = p M,
M[i, j] being how often class i is predicted as j (adjusted count: Forman 2008, Quantifying Counts
and Costs via Classification).
"""

from typing import Any

import numpy as np

from stages.core.intervals import percentile_interval

ITERATIONS = 1000
AT_A_TIME = 50  # replicates whose weights are in memory at once


def correct(confusion: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the true shares that make the predicted ones most likely, by EM.

    Where q M^-1 has no negative share this is it; else it is the best one on the simplex, for
    which inverting the matrix has no answer (Vardi and Lee 1993, From Image Deblurring to Optimal
    Investments).

    Args:
        confusion: (..., C, C), rows truth, columns prediction; every row with something in it.
        predicted: counts or shares, (..., C).

    Returns:
        Shares of shape (..., C) that add up to 1.
    """
    rates = confusion / confusion.sum(axis=-1, keepdims=True)
    seen = (predicted / predicted.sum(axis=-1, keepdims=True))[..., None, :]
    shares = np.full(predicted.shape, 1 / predicted.shape[-1])[..., None, :]
    for _ in range(ITERATIONS):
        ratio = seen / np.maximum(shares @ rates, 1e-300)
        shares = shares * (ratio @ np.swapaxes(rates, -1, -2))
    return shares[..., 0, :]


def bayesian_bootstrap(counts: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Return `replicates` totals of the groups' counts, each group at a random weight.

    Weights are exponential, of mean 1 (Rubin 1981): unlike a draw with replacement, none is zero,
    so a rare class never vanishes from a replicate.

    Args:
        counts: (n_groups, ...).
        replicates: number of draws.
        rng: of the weights.
    """
    flat = counts.reshape(len(counts), -1)
    totals = [
        rng.exponential(size=(min(AT_A_TIME, replicates - start), len(flat))) @ flat
        for start in range(0, replicates, AT_A_TIME)
    ]
    return np.concatenate(totals).reshape(replicates, *counts.shape[1:])


def estimate_shares(
    counts: np.ndarray,
    calibration: np.ndarray | None,
    replicates: int,
    confidence: float,
    rng: np.random.Generator,
) -> dict[str, list[dict[str, Any]] | None]:
    """Return each class's share, as predicted and corrected, with percentile intervals.

    A replicate weighs the groups of both the faces and the calibration anew. To each cell of its
    confusion a Gamma(1 / C) is added, the prior that adds one face to each class (Perks 1947): a
    mistake that no calibration face showed is not ruled out.

    Args:
        counts: (n_groups, C), faces (or seconds) of each photo or track predicted as each class.
        calibration: (m_groups, C, C), rows truth, columns prediction, weighted with mean 1 a face;
            None where it is too thin to correct with.
        replicates: number of draws.
        confidence: of the intervals, such as 0.95.
        rng: of the draws.

    Returns:
        `predicted` and `corrected` (None without calibration): value, low, high of each class.
    """
    n_groups, n_classes = counts.shape
    drawn = bayesian_bootstrap(counts, replicates, rng)
    drawn /= drawn.sum(axis=1, keepdims=True)
    total = counts.sum(axis=0)

    def intervals(values: np.ndarray, draws: np.ndarray) -> list[dict[str, Any]]:
        found = []
        for value, each in zip(values.tolist(), draws.T, strict=True):
            low, high = percentile_interval(value, each, n_groups, confidence)
            found.append({"value": value, "low": low, "high": high})
        return found

    result = {"predicted": intervals(total / total.sum(), drawn), "corrected": None}
    if calibration is not None:
        prior = 1 / n_classes
        confusions = bayesian_bootstrap(calibration, replicates, rng)
        confusions += rng.gamma(prior, size=confusions.shape)
        point = correct(calibration.sum(axis=0) + prior, total)
        result["corrected"] = intervals(point, correct(confusions, drawn))
    return result
