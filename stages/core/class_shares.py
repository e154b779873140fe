"""Class shares of unlabelled faces, from a classifier's probabilities and randomly drawn labels.

Both methods assume label shift: between the labelled and the unlabelled faces the classes' shares
may differ, but not how a class looks. Counting predictions instead would carry the classifier's
errors into the shares (Forman 2008, Quantifying Counts and Costs via Classification). QuaPy has
both; it takes seconds to import and knows no draws of whole photos, so that these few lines stand
here and are tested against it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import log_softmax

FLOOR = 1e-12  # of a probability, before its logarithm
RIDGE = 0.5  # pulls slope and biases to 1 and 0, the head's own calibration, where labels are few
EM_STEPS, EM_TOLERANCE = 500, 1e-5
HINT = 1e-6  # weight of a stand-in for a class without a random label


class RandomLabels(NamedTuple):
    """Randomly drawn labelled faces: p (n, C) of models that did not train on them, labels (n,)
    as indices into the classes, groups (n,).
    """

    p: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


def bbse(
    known: np.ndarray, labels: np.ndarray, counts: np.ndarray, p: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return class shares (C,) by black-box shift estimation, in its soft form.

    Lipton, Wang and Smola 2018, Detecting and Correcting for Label Shift with Black Box
    Predictors: the shares at which the classes' mean probabilities, mixed, give those seen; here
    by non-negative least squares, then scaled to 1.

    Args:
        known: (n, C), probabilities of the labelled faces.
        labels: int of shape (n,); each class has a face.
        counts: of shape (n,), how often each labelled face counts.
        p: (m, C), of the unlabelled faces.
        weights: of shape (m,), how often each of them counts.
    """
    of_class = np.eye(known.shape[1])[labels] * counts[:, None]
    mean_p = of_class.T @ known / of_class.sum(axis=0)[:, None]
    shares, _ = nnls(mean_p.T, weights @ p / weights.sum())
    return shares / max(shares.sum(), FLOOR)


def emq(
    known: np.ndarray, labels: np.ndarray, counts: np.ndarray, p: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return class shares (C,) by expectation maximisation.

    Saerens, Latinne and Decaestecker 2002, Adjusting the Outputs of a Classifier to New a Priori
    Probabilities: the maximum-likelihood shares of a mixture whose parts are known; the parts from
    bias-corrected temperature scaling (Alexandari, Kundaje and Shrikumar 2020).

    Args as of `bbse`.
    """
    slope, bias = calibrate(known, labels, counts)
    logits = slope * np.log(np.maximum(p, FLOOR)) + bias
    likelihood = np.exp(logits - logits.max(axis=1, keepdims=True))
    return expectation_maximisation(likelihood, weights)


def expectation_maximisation(likelihood: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the shares (C,) that make faces of these likelihoods (m, C) the likeliest."""
    weights = weights / weights.sum()
    shares = np.full(likelihood.shape[1], 1 / likelihood.shape[1])
    for _ in range(EM_STEPS):
        before = shares
        shares = before * (likelihood.T @ (weights / (likelihood @ before)))
        if np.abs(shares - before).max() < EM_TOLERANCE:
            break
    return shares


def calibrate(p: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> tuple[float, np.ndarray]:
    """Return (slope, bias (C,)): a face's likelihoods are exp(slope ln p + bias), up to a factor.

    Fitted as posteriors with the labels' own shares as a fixed offset.
    """
    n_classes = p.shape[1]
    one_hot = np.eye(n_classes)[labels] * counts[:, None]
    log_p, log_shares = np.log(np.maximum(p, FLOOR)), np.log(one_hot.sum(axis=0) / counts.sum())

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logits = parameters[0] * log_p + parameters[1:] + log_shares
        log_posterior = log_softmax(logits, axis=1)
        rest = np.exp(log_posterior) * counts[:, None] - one_hot
        pull = parameters - np.append(1.0, np.zeros(n_classes))
        slopes = np.append((rest * log_p).sum(), rest.sum(axis=0)) + 2 * RIDGE * pull
        return RIDGE * pull @ pull - (one_hot * log_posterior).sum(), slopes

    start = np.append(1.0, np.zeros(n_classes))
    bounds = [(0.05, 20.0)] + [(None, None)] * n_classes
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0]), found[1:]


METHODS = {"bbse": bbse, "emq": emq}


def draw_groups_anew(groups: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Return how much each face counts, (1 + replicates, n): once each, then by Bayesian bootstrap.

    Whole groups get a random weight (Rubin 1981, The Bayesian Bootstrap): none is ever left out,
    which in a small sample would leave out a class.
    """
    names, place = np.unique(groups, return_inverse=True)
    drawn = rng.dirichlet(np.ones(len(names)), replicates) * len(names)
    return np.vstack([np.ones(len(groups)), drawn[:, place]])


def estimate_shares(
    method: str,
    by_chance: RandomLabels,
    unlabelled: Sequence[tuple[np.ndarray, np.ndarray]],
    replicates: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Return class shares (1 + replicates, C) of several sets of unlabelled faces.

    The first row is the estimate, the others bootstrap draws of both the random labels and the
    unlabelled faces. In each draw every class has, beside its own faces, one stand-in that is any
    of the random faces: a class known by few faces, or none, keeps a wide interval.

    Args:
        method: a key of METHODS.
        by_chance: labels of faces drawn at random, one at least.
        unlabelled: the sets, as p (m, C) and groups (m,); at least one face each.
        replicates: number of draws.
        rng: of the draws.
    """
    n, n_classes = by_chance.p.shape
    counts = draw_groups_anew(by_chance.groups, replicates, rng)
    sets = [(p, draw_groups_anew(groups, replicates, rng)) for p, groups in unlabelled]
    labels = np.append(by_chance.labels, np.arange(n_classes))
    found: list[list[np.ndarray]] = [[] for _ in sets]
    for draw in range(replicates + 1):
        if draw == 0:
            stand_ins, weight = np.tile(by_chance.p.mean(axis=0), (n_classes, 1)), HINT
        else:
            stand_ins, weight = by_chance.p[rng.integers(n, size=n_classes)], 1.0
        known = np.vstack([by_chance.p, stand_ins])
        count = np.append(counts[draw], np.full(n_classes, weight))
        for shares, (p, weights) in zip(found, sets, strict=True):
            shares.append(METHODS[method](known, labels, count, p, weights[draw]))
    return [np.array(shares) for shares in found]
