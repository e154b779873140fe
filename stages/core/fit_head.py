"""Training the head: L-BFGS in torch, L2 by grouped cross-validation, temperature out of fold."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from torch.nn.functional import cross_entropy

from stages.core.head import softmax
from stages.core.records import Head
from stages.core.settings import Train

# Of the gradient and of the loss. Roughly: held-out losses to the third decimal, enough to choose
# a strength by, in a third of the time.
CLOSELY, ROUGHLY = (1e-5, 1e-8), (1e-3, 1e-4)
SCORES = ["l2", "log_loss", "accuracy", "temperature"]


class Fit(NamedTuple):
    """A trained head and how it came about.

    `scores` has a row an L2 strength: l2, log_loss and accuracy over the held-out folds,
    and their temperature (empty where there was too little to hold out); `curve` has the
    loss after each evaluation; `out_of_fold` has the probabilities (n, C) that heads of the chosen
    strength gave each face while its group was held out (no row where nothing was).
    """

    head: Head
    scores: pd.DataFrame
    curve: pd.DataFrame
    out_of_fold: np.ndarray


def fit_head(
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    classes: list[str],
    embedder: str,
    settings: Train,
    seed: int,
) -> Fit:
    """Train a multinomial logistic head.

    The bias is penalised like the weights, so no case is special: a class without an example gets
    a small probability, and without any label the head is the uniform prior.

    Args:
        features: float32 of shape (n, d).
        labels: int of shape (n,), indices into classes.
        groups: of shape (n,); a group is never on both sides of a fold.
        classes: the C class names.
        embedder: recorded in the head.
        settings: L2 strengths, folds, iterations, class weight.
        seed: of the folds.
    """
    mean, scale = _standardisation(features)
    x = torch.from_numpy((features - mean) / scale)
    y = torch.from_numpy(labels.astype(np.int64))
    weights = _weights(labels, len(classes), settings.class_weight)
    folds = _folds(labels, groups, settings.folds, seed)
    scores, held_out = _cross_validate(x, y, weights, folds, len(classes), settings)
    l2, temperature = _best(scores, settings)
    parameters, losses = _minimise(x, y, weights[:, None], len(classes), l2, settings)
    solution = parameters[:, 0].numpy()
    head = Head(tuple(classes), solution[:-1], solution[-1], mean, scale, temperature, l2, embedder)
    curve = pd.DataFrame({"evaluation": range(1, len(losses) + 1), "loss": losses})
    return Fit(head, scores, curve, softmax(held_out / temperature))


def _standardisation(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(features) == 0:
        return np.zeros(features.shape[1], np.float32), np.ones(features.shape[1], np.float32)
    scale = features.std(axis=0)
    return features.mean(axis=0), np.where(scale > 1e-6, scale, 1).astype(np.float32)


def _weights(labels: np.ndarray, n_classes: int, class_weight: str) -> torch.Tensor:
    """Return a weight a face, mean 1; `balanced` gives each class present the same total."""
    if class_weight == "none":
        return torch.ones(len(labels))
    counts = np.bincount(labels, minlength=n_classes)
    present = max(1, np.count_nonzero(counts))
    return torch.from_numpy((len(labels) / (present * counts[labels])).astype(np.float32))


def _folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each face, or an empty array where there is too little to hold out."""
    if len(np.unique(labels)) < 2:
        return np.array([], dtype=int)
    folds = min(folds, len(np.unique(groups)), int(np.bincount(labels).max()))
    if folds < 2:
        return np.array([], dtype=int)
    # Groups of one face each are no groups, and the plain splitter is far faster.
    single = len(np.unique(groups)) == len(groups)
    split = StratifiedKFold if single else StratifiedGroupKFold
    splitter = split(folds, shuffle=True, random_state=seed % 2**32)
    fold_of = np.zeros(len(labels), dtype=int)
    with warnings.catch_warnings():
        # A class with fewer faces than folds is held out in some folds only; that is meant.
        warnings.simplefilter("ignore", UserWarning)
        for fold, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
            fold_of[held_out] = fold
    return fold_of


def _cross_validate(
    x: torch.Tensor,
    y: torch.Tensor,
    weights: torch.Tensor,
    fold_of: np.ndarray,
    n_classes: int,
    settings: Train,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return scores a strength, and the best strength's held-out logits (n, C); (0, C) of none.

    Strengths are compared at their own temperatures: a strong penalty only shrinks the logits, and
    that is put right afterwards. They are tried from strong to weak until the loss has risen
    twice running: it falls and then rises, and the weakest take the longest.
    """
    strengths = sorted(settings.l2, reverse=True)
    if len(fold_of) == 0:
        return pd.DataFrame(columns=SCORES), np.empty((0, n_classes))
    rows, held_out = [], []
    inside = torch.from_numpy(fold_of[:, None] != np.arange(fold_of.max() + 1))
    fold_weights = weights[:, None] * inside
    start = None
    for l2 in strengths:
        # From strong to weak, each fit starts where the last one ended.
        start, _ = _minimise(x, y, fold_weights, n_classes, l2, settings, start, ROUGHLY)
        logits = _logits(x, start)[np.arange(len(y)), fold_of]
        temperature = _temperature(logits.numpy(), y.numpy())
        losses = cross_entropy(logits / temperature, y, reduction="none")
        hits = logits.argmax(1) == y
        log_loss, accuracy = (float((weights * each).mean()) for each in (losses, hits))
        rows.append((l2, log_loss, accuracy, temperature))
        held_out.append(logits.numpy())
        if len(rows) > 2 and rows[-3][1] < rows[-2][1] < rows[-1][1]:
            break
    scores = pd.DataFrame(rows, columns=SCORES)
    return scores, held_out[int(scores["log_loss"].argmin())]


def _best(scores: pd.DataFrame, settings: Train) -> tuple[float, float]:
    """Return the strength of least log loss and its temperature; without scores, the strongest."""
    if scores.empty:
        return max(settings.l2), 1.0
    best = scores.iloc[int(scores["log_loss"].argmin())]
    return float(best["l2"]), float(best["temperature"])


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature in [0.05, 20] with the least log loss (Guo et al. 2017)."""

    def loss(log_temperature: float) -> float:
        p = softmax(logits / np.exp(log_temperature))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(p, 1e-12)).mean())

    bounds = (np.log(0.05), np.log(20.0))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def _logits(x: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """Return logits (n, k, C) of k heads with parameters (d + 1, k, C): the bias comes last."""
    d, k, n_classes = parameters.shape[0] - 1, *parameters.shape[1:]
    product = x @ parameters[:-1].reshape(d, k * n_classes)
    return product.reshape(len(x), k, n_classes) + parameters[-1]


def _minimise(
    x: torch.Tensor,
    y: torch.Tensor,
    weights: torch.Tensor,
    n_classes: int,
    l2: float,
    settings: Train,
    start: torch.Tensor | None = None,
    tolerances: tuple[float, float] = CLOSELY,
) -> tuple[torch.Tensor, list[float]]:
    """Fit k heads at once, one a column of weights (n, k): one pass over x serves all folds.

    Returns:
        Parameters of shape (d + 1, k, C), and the summed loss at each evaluation.
    """
    k = weights.shape[1]
    totals = weights.sum(dim=0).clamp(min=1e-12)
    parameters = torch.zeros(x.shape[1] + 1, k, n_classes) if start is None else start.clone()
    parameters.requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [parameters],
        max_iter=settings.max_iterations,
        tolerance_grad=tolerances[0],
        tolerance_change=tolerances[1],
        line_search_fn="strong_wolfe",
    )
    losses: list[float] = []

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logits = _logits(x, parameters)
        each = cross_entropy(
            logits.reshape(-1, n_classes), y.repeat_interleave(k), reduction="none"
        ).reshape(-1, k)
        loss = ((weights * each).sum(dim=0) / totals).sum() + l2 / 2 * parameters.square().sum()
        loss.backward()
        losses.append(loss.item())
        return loss

    optimiser.step(closure)
    return parameters.detach(), losses
