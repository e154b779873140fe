"""The members that learn beside the logistic head: what each says of faces, held out and not."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import sparse

from faceloop.model.combination import cross_entropy, log_softmax
from faceloop.model.discriminant import SHRINKAGES, discriminant
from faceloop.model.fit_head import LOSS, best_temperature
from faceloop.model.spreading import ALPHAS, arrived, near_in_memory, spread

# Takes rows of the pool, as a slice, and their embeddings (m, d); returns log-probabilities (m, C).
Predictor = Callable[[slice, np.ndarray], np.ndarray]


class Member(NamedTuple):
    """A member: log-probabilities (n, C) of labelled faces held out, and what it says of others."""

    held_out: np.ndarray
    predictor: Predictor


class Labels(NamedTuple):
    """Labelled faces.

    Attributes:
        features: float64 of shape (n, d).
        codes: int of shape (n,), indices into the classes.
        targets: the same as probabilities (n, C), which leave room for a mistake.
        fold_of: int of shape (n,).
    """

    features: np.ndarray
    codes: np.ndarray
    targets: np.ndarray
    fold_of: np.ndarray

    def folds(self) -> list[np.ndarray]:
        """Return for each fold which faces are not in it, a mask of shape (n,)."""
        return [self.fold_of != fold for fold in range(self.fold_of.max() + 1)]


def discriminant_member(labels: Labels, towards: np.ndarray | None) -> Member:
    """Return the discriminant whose covariance is shrunk `towards`, by as much as predicts best."""
    n_classes = labels.targets.shape[1]

    def held_out(shrinkage: float) -> np.ndarray:
        logits = np.empty_like(labels.targets)
        for others in labels.folds():
            x, codes = labels.features[others], labels.codes[others]
            weight, bias = discriminant(x, codes, n_classes, shrinkage, towards)
            logits[~others] = labels.features[~others] @ weight + bias
        return logits

    shrinkage, temperature, logits = _best(SHRINKAGES, held_out, labels.targets)
    weight, bias = discriminant(labels.features, labels.codes, n_classes, shrinkage, towards)

    def predictor(rows: slice, features: np.ndarray) -> np.ndarray:
        return log_softmax((features @ weight + bias) / temperature)

    return Member(log_softmax(logits / temperature), predictor)


def spreading_member(labels: Labels, places: np.ndarray, graph: sparse.csr_matrix) -> Member:
    """Return label spreading over the graph, as far as predicts best.

    Args:
        labels: the labelled faces.
        places: theirs in the graph, of shape (n,).
        graph: of `affinity`; the pool's rows come first.
    """
    n_classes = labels.targets.shape[1]
    graph, place = near_in_memory(graph)
    places = place[places]
    arrivals: dict[float, np.ndarray] = {}

    def held_out(alpha: float) -> np.ndarray:
        masks = [*labels.folds(), labels.fold_of >= 0]
        held = spread(graph, [(places[one], labels.codes[one]) for one in masks], n_classes, alpha)
        arrivals[alpha] = arrived(held[-1])
        return arrived(held[labels.fold_of, places])

    alpha, temperature, logits = _best(ALPHAS, held_out, labels.targets)
    everywhere = log_softmax(arrivals[alpha] / temperature)[place]
    return Member(log_softmax(logits / temperature), lambda some, features: everywhere[some])


def _best(
    settings: tuple[float, ...], held_out: Callable[[float], np.ndarray], targets: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """Return the setting of least held-out loss, its temperature, and its logits (n, C)."""
    found = []
    for setting in settings:
        logits = held_out(setting)
        temperature = best_temperature(logits, targets)
        loss = round(cross_entropy(logits / temperature, targets), LOSS)
        found.append((loss, setting, temperature, logits))
    _, setting, temperature, logits = min(found, key=lambda one: one[0])
    return setting, temperature, logits
