"""Other libraries' strategies as pickers: the same splits, the same head, in the same process."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from modAL import ActiveLearner
from modAL.batch import uncertainty_batch_sampling
from modAL.uncertainty import entropy_sampling, margin_sampling
from skactiveml.base import SkactivemlClassifier
from skactiveml.pool import Badge, CoreSet, TypiClust, UncertaintySampling

from faceloop.commands.settings import Settings
from faceloop.commands.simulation.simulated_loop import Moment, Picker, our_picker
from faceloop.model.head import Head, predict


class TrainedHead(SkactivemlClassifier):
    """A trained head in the dress that both libraries ask for; it is never fitted again."""

    def __init__(self, head: Head, classes: Any = None) -> None:
        super().__init__(classes=classes)
        self.head = head

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "TrainedHead":
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return predict(self.head, X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.predict_proba(X).argmax(axis=1)


def scikit_activeml(
    make: Callable[..., Any], moment: Moment, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Pick with a pool strategy of scikit-activeml."""
    rows = np.concatenate([moment.trained, moment.free])
    y = np.full(len(rows), np.nan)
    y[: len(moment.trained)] = moment.data.labels[moment.trained]
    strategy = make(random_state=int(rng.integers(2**31)))
    more = {}
    if isinstance(strategy, UncertaintySampling | Badge):
        clf = TrainedHead(moment.head, classes=np.arange(len(moment.head.classes)))
        more = {"clf": clf, "fit_clf": False}
    return rows[strategy.query(moment.data.features[rows], y, batch_size=size, **more)]


def modal(
    query: Callable[..., Any], moment: Moment, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Pick with a query strategy of modAL."""
    data, trained = moment.data, moment.trained
    learner = ActiveLearner(
        estimator=TrainedHead(moment.head),
        query_strategy=query,
        X_training=data.features[trained],
        y_training=data.labels[trained],
    )
    places, _ = learner.query(data.features[moment.free], n_instances=size)
    return moment.free[np.asarray(places).astype(int)]


PEERS: dict[str, Picker] = {
    "scikit-activeml margin": partial(
        scikit_activeml, partial(UncertaintySampling, method="margin_sampling")
    ),
    "scikit-activeml entropy": partial(
        scikit_activeml, partial(UncertaintySampling, method="entropy")
    ),
    "scikit-activeml Badge": partial(scikit_activeml, Badge),
    "scikit-activeml CoreSet": partial(scikit_activeml, CoreSet),
    "scikit-activeml TypiClust": partial(scikit_activeml, TypiClust),
    "modAL margin": partial(modal, margin_sampling),
    "modAL entropy": partial(modal, entropy_sampling),
    "modAL ranked batch": partial(modal, uncertainty_batch_sampling),
}
# These two compare every face with every labelled one, a face or a cluster at a time.
SLOW = ("scikit-activeml TypiClust", "modAL ranked batch")


def picker_of(strategy: str, settings: Settings) -> Picker:
    """Return a peer's picker by its name, or ours."""
    return PEERS.get(strategy) or our_picker(strategy, settings)
