"""Learning curves from labelled data: the loop's own functions, answered from known labels."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from faceloop.base.randomness import generator
from faceloop.commands.settings import Settings
from faceloop.evaluation.comparison import confusion_by_group, figures
from faceloop.model.fit_head import fit_head, folds_of
from faceloop.model.head import Head, predict
from faceloop.model.pool_head import Surroundings, alone, learn_from_pool
from faceloop.model.spreading import affinity
from faceloop.neighbours.nearest import nearest
from faceloop.sampling.diverse_strategies import Sample, pick_diverse
from faceloop.sampling.jury import LEARNS, clusters_of, next_lots, set_aside
from faceloop.sampling.params import split_strategy
from faceloop.sampling.uncertainty import most_uncertain, score
from faceloop.sampling.validation import draw_groups, stratified_sample

WHOLE_POOL = "whole pool"


class Labelled(NamedTuple):
    """Faces whose labels are known: face_ids, groups (n,), features (n, d) and labels (n,)."""

    face_ids: np.ndarray
    groups: np.ndarray
    features: np.ndarray
    labels: np.ndarray


class Plan(NamedTuple):
    """How a simulation goes.

    Of each round's `round_size` labels, `validation` are drawn at random: they cost as much, and
    train from the next round on. The first round, when no model can tell what is uncertain, is
    picked from random faces by the diversity `cold_start`: `top` takes them as they are.
    """

    round_size: int
    rounds: int
    validation: int
    test_share: float
    cold_start: str = "top"


class Moment(NamedTuple):
    """What a picker may look at: the data, which rows train and are free, and the model.

    p: what the model says of the free rows, of shape (m, C).
    """

    data: Labelled
    trained: np.ndarray
    free: np.ndarray
    head: Head
    p: np.ndarray


# Takes a moment, how many faces to pick and a generator; returns rows of the data.
Picker = Callable[[Moment, int, np.random.Generator], np.ndarray]


def split_test(data: Labelled, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the pool and of the test set, which holds `share` of the groups."""
    drawn, _ = draw_groups(data.groups, share, generator(seed, "simulate", "test"))
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)


def our_picker(strategy: str, settings: Settings) -> Picker:
    """Return what sample_uncertain and sample_diverse do, at the size asked for.

    The intermediate sample and the clusters grow with the size, as params.yaml has their ratios.
    """
    uncertainty, diversity = split_strategy(strategy)
    block = settings.sample_diverse
    widen = settings.sample_uncertain.size / block.size

    def pick(moment: Moment, size: int, rng: np.random.Generator) -> np.ndarray:
        ids, features = moment.data.face_ids[moment.free], moment.data.features[moment.free]
        p = moment.p
        scores = score(uncertainty, p, ids, rng)
        kept = most_uncertain(scores, ids, round(size * widen))
        labelled = moment.data.features[moment.trained]
        sample = Sample(ids[kept], features[kept], scores[kept], p[kept], labelled)
        clusters = max(1, round(size * block.clusters / block.size))
        wanted = block.model_copy(update={"size": size, "clusters": clusters})
        picks = pick_diverse(diversity, sample, wanted, rng)
        return moment.free[kept[picks["position"]]]

    return pick


def learning_curve(
    data: Labelled, classes: list[str], pick: Picker, plan: Plan, settings: Settings, seed: int
) -> Iterator[dict[str, Any]]:
    """Go round the loop, answered from the labels; yield a row a round.

    The test set, the first round and each round's chance depend on the seed alone, so that
    strategies can be compared seed by seed.

    Yields:
        round, labels (all that were paid for), trained_on, macro_f1 and accuracy on the test set,
        l2.
    """
    pool, test = split_test(data, plan.test_share, seed)
    trained, judged = np.array([], dtype=int), np.array([], dtype=int)
    lots, strata = _jury(data, pool, settings, seed)
    fit = _Fitting(data, pool, classes, settings)
    head, p = fit(trained)
    for at in range(plan.rounds):
        rng = generator(seed, "simulate", str(at))
        free = np.setdiff1d(pool, np.concatenate([trained, judged]))
        trained, judged = np.concatenate([trained, judged]), free[:0]
        if plan.validation:
            lent = free[next_lots(lots[free], plan.validation)]
            judged = lent[stratified_sample(strata[lent], data.groups[lent], plan.validation, rng)]
            free = free[lots[free] == LEARNS]
            lots[lent] = LEARNS  # from the next round on
        picker = our_picker(f"random/{plan.cold_start}", settings) if at == 0 else pick
        wanted = min(plan.round_size - len(judged), len(free))
        if wanted <= 0:
            return
        said = p[np.searchsorted(pool, free)]
        picked = picker(Moment(data, trained, free, head, said), wanted, rng)
        trained = np.concatenate([trained, picked])
        head, p = fit(trained)
        yield {
            "round": at,
            "labels": len(trained) + len(judged),
            "trained_on": len(trained),
            **_judge(head, data, test),
        }


def whole_pool(
    data: Labelled, classes: list[str], plan: Plan, settings: Settings, seed: int
) -> dict[str, Any]:
    """Return the row of a logistic head that is trained on every label of the pool."""
    pool, test = split_test(data, plan.test_share, seed)
    features, labels, groups = data.features[pool], data.labels[pool], data.groups[pool]
    train = settings.train
    head = fit_head(features, labels, groups, classes, "-", train, settings.seed).head
    figures = _judge(head, data, test)
    return {"round": 0, "labels": len(pool), "trained_on": len(pool), **figures}


class _Fitting:
    """Trains models on labelled rows, and on all rows of the pool where `train.head` says so."""

    def __init__(
        self, data: Labelled, pool: np.ndarray, classes: list[str], settings: Settings
    ) -> None:
        self.data, self.pool, self.classes, self.settings = data, pool, classes, settings
        self.features, self.graph = data.features[pool], None
        if settings.train.head == "pool":
            edges = nearest(self.features, generator(settings.seed, "neighbours"))
            self.graph = affinity(*edges, len(pool))

    def __call__(self, rows: np.ndarray) -> tuple[Head, np.ndarray]:
        """Return the head, and what the model says of the pool's rows, (n, C)."""
        data = self.data
        features, labels, groups = data.features[rows], data.labels[rows], data.groups[rows]
        train, seed = self.settings.train, self.settings.seed
        fit = fit_head(features, labels, groups, self.classes, "simulated", train, seed)
        if self.graph is None:
            found = alone(fit, self.features)
        else:
            around = Surroundings(self.features, self.graph, np.searchsorted(self.pool, rows))
            folds = folds_of(labels, groups, seed)
            found = learn_from_pool(fit, features, labels, folds, around, seed)
        return found.fit.head, found.p


def _jury(
    data: Labelled, pool: np.ndarray, settings: Settings, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lot and the stratum of each face, of shape (n,), as sample_jury deals them."""
    rng = generator(seed, "simulate", "jury")
    _, first, place, sizes = np.unique(
        data.groups[pool], return_index=True, return_inverse=True, return_counts=True
    )
    clusters = clusters_of(data.features, pool[first], rng)
    dealt = set_aside(sizes, clusters, settings.sample_validation.jury_share, rng)
    found = np.full((2, len(data.groups)), LEARNS)
    found[:, pool] = np.array(dealt)[:, place]
    return found[0], found[1]


def _judge(head: Head, data: Labelled, test: np.ndarray) -> dict[str, float]:
    truth = data.labels[test]
    predicted = predict(head, data.features[test]).argmax(axis=1)
    counts = confusion_by_group(truth, predicted, truth * 0, len(head.classes))[0]
    found = figures(counts)
    return {
        "macro_f1": float(found["macro_f1"]),
        "accuracy": float(found["accuracy"]),
        "l2": head.l2,
    }
