"""Class shares of many faces, corrected for what the classifier mixes up (quantification).

A share of predictions is no share of faces: where sunglasses are taken for none in one case of
ten, a tenth of them is missing (Forman 2008, Quantifying Counts and Costs via Classification).
The method assumes label shift: between the labelled and the unlabelled faces the classes' shares
may differ, but not how a class looks. QuaPy has it too; it takes seconds to import and knows no
draws of whole photos, so that these few lines stand here and are tested against it.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from faceloop.balance.balance_figures import Shares
from faceloop.statistics.estimates import Estimate
from faceloop.statistics.intervals import percentile_interval

TINY = 1e-300  # in place of 0 / 0, where nothing was seen
EM_STEPS, EM_TOLERANCE = 1000, 1e-6  # of a share
AT_A_TIME = 50  # replicates whose weights are in memory at once


class Unlabelled(NamedTuple):
    """What a classifier says of n faces that nobody labelled.

    p: (n, C), probabilities.
    groups: (n,), photo or track.
    weights: (n,), how much each face counts.
    """

    p: np.ndarray
    groups: np.ndarray
    weights: np.ndarray


class RandomLabels(NamedTuple):
    """Randomly drawn labelled faces: what models that did not train on them say, and the truth.

    p, groups, weights: as in `Unlabelled`.
    labels: (n,), indices into the classes.
    """

    p: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    weights: np.ndarray


def shares_as_predicted(said: Unlabelled, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Return the shares of predictions, uncorrected: (1 + replicates, C), as `estimate_shares`."""
    one_hot = np.eye(said.p.shape[1])[said.p.argmax(axis=1)]
    drawn = totals(one_hot * said.weights[:, None], said.groups, replicates, rng)
    return drawn / drawn.sum(axis=1, keepdims=True)


def estimate_shares(
    by_chance: RandomLabels,
    unlabelled: Sequence[Unlabelled],
    replicates: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Return class shares (1 + replicates, C) of several sets of unlabelled faces.

    The first row is the estimate, the others bootstrap draws of both the random labels and the
    unlabelled faces.

    Black-box shift estimation in its soft form: Lipton, Wang and Smola 2018, Detecting and
    Correcting for Label Shift with Black Box Predictors: the shares at which the classes' mean
    probabilities, mixed, give those seen. Of predictions in place of probabilities it is Forman's
    adjusted count.

    Args:
        by_chance: one face at least.
        unlabelled: the sets; at least one face each.
        replicates: number of draws.
        rng: of the draws.
    """
    means = class_means(by_chance, replicates, rng)
    return [unmixed(means, said, rng) for said in unlabelled]


def class_means(by_chance: RandomLabels, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Return the mean probabilities of each class's faces, (1 + replicates, C, C), rows truth.

    To each cell of a draw's sums a Gamma(1 / C) is added, the prior that adds one face to each
    class (Perks 1947, Journal of the Institute of Actuaries 73): a mistake that no random face
    showed is not ruled out, and a class known by few faces, or none, keeps a wide interval. The
    estimate, the first, has its mean, 1 / C.
    """
    n, n_classes = by_chance.p.shape
    cells = np.zeros((n, n_classes, n_classes))
    cells[np.arange(n), by_chance.labels] = by_chance.p * by_chance.weights[:, None]
    sums = totals(cells, by_chance.groups, replicates, rng)
    sums[0] += 1 / n_classes
    sums[1:] += rng.gamma(1 / n_classes, size=sums[1:].shape)
    return sums / sums.sum(axis=-1, keepdims=True)


def unmixed(means: np.ndarray, said: Unlabelled, rng: np.random.Generator) -> np.ndarray:
    """Return the class shares (1 + replicates, C) of faces, by `class_means` of as many draws."""
    seen = totals(said.p * said.weights[:, None], said.groups, len(means) - 1, rng)
    return expectation_maximisation(np.swapaxes(means, -1, -2), seen)


def expectation_maximisation(likelihood: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the class shares (..., C) that make what is seen the likeliest, by EM.

    Vardi and Lee 1993, From Image Deblurring to Optimal Investments: where inverting the likelihood
    gives no negative share this is it, else it is the best one on the simplex.

    Args:
        likelihood: (..., m, C), of each of m things to see (a prediction, a face) in each class, up
            to a factor a thing.
        seen: (..., m), how often each was.
    """
    seen = (seen / seen.sum(axis=-1, keepdims=True))[..., None, :]
    n_classes = likelihood.shape[-1]
    shares = np.full((*seen.shape[:-1], n_classes), 1 / n_classes)
    for _ in range(EM_STEPS):
        before = shares
        mixed = np.maximum(before @ np.swapaxes(likelihood, -1, -2), TINY)
        shares = before * (seen / mixed @ likelihood)
        if np.abs(shares - before).max() < EM_TOLERANCE:
            break
    return shares[..., 0, :]


def totals(
    values: np.ndarray, groups: np.ndarray, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Return sums of the faces' values (1 + replicates, ...): of all, then by Bayesian bootstrap.

    Whole groups get a random weight, exponential of mean 1 (Rubin 1981, The Bayesian Bootstrap):
    unlike a draw with replacement, none is zero, so a rare class never vanishes from a replicate.

    Args:
        values: (n, ...).
        groups: (n,).
        replicates: number of draws.
        rng: of the weights.
    """
    names, place = np.unique(groups, return_inverse=True)
    by_group = np.zeros((len(names), *values.shape[1:]))
    np.add.at(by_group, place, values)
    flat = by_group.reshape(len(names), math.prod(values.shape[1:]))
    drawn = [
        rng.exponential(size=(min(AT_A_TIME, replicates - start), len(names))) @ flat
        for start in range(0, replicates, AT_A_TIME)
    ]
    return np.vstack([flat.sum(axis=0), *drawn]).reshape(1 + replicates, *values.shape[1:])


def share_estimates(
    draws: np.ndarray, names: Sequence[str], n_groups: float, confidence: float
) -> Shares:
    """Return estimates by name of draws (1 + replicates, n), the estimate first.

    n_groups, of the sample, is infinite where all there is was looked at.
    """
    found = {}
    for name, value, drawn in zip(names, draws[0].tolist(), draws[1:].T, strict=True):
        low, high = percentile_interval(value, drawn, n_groups, confidence)
        found[name] = Estimate(value=value, low=low, high=high)
    return found
