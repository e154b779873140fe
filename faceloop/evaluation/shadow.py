"""The shadow arm: what as many random labels would have taught, and how many labels that saves.

Each round's validation faces were drawn at random. Once they have judged their round they are a
random training set that cost nothing: a model trained on them alone is the yardstick that tells
whether picking faces helps.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from faceloop.base.randomness import order_key
from faceloop.base.rounds import order_of
from faceloop.evaluation.comparison import compare, predict_with_both
from faceloop.evaluation.evaluation_figures import LabelsSaved, ModelFigures
from faceloop.evaluation.held_out import HeldOut
from faceloop.model.head import Head, predict
from faceloop.statistics.confusion import confusion_by_group, figures
from faceloop.statistics.estimates import ByMetric, Difference
from faceloop.statistics.params import Intervals
from faceloop.statistics.resampling import bootstrap_confusions

CURVE = ["labels", "random", "active"]
LEAST_LABELS = 20  # of each arm; with fewer nothing is compared: both have hardly learnt anything
SMALLEST = 5  # labels, of a point of the learning curves
POINTS = 5  # of a curve, down to a sixteenth of the labels; each costs two heads
BOUNDS: dict[int, Literal["at least", "at most"] | None] = {-1: "at least", 0: None, 1: "at most"}
TIE = 1e-9  # of scores: isotonic regression leaves a flat stretch flat but for rounding


class Arms(NamedTuple):
    """Rows of labelled faces that may train, each in the order in which its arm takes them.

    base: what both arms start from, such as an imported seed; random: drawn at random, as the
    validation sets of earlier rounds; active: picked by the sampler.
    """

    base: pd.DataFrame
    random: pd.DataFrame
    active: pd.DataFrame


class ArmsCompared(NamedTuple):
    """Both arms at equal label count, on the same faces: fields of ShadowFigures.

    Of a model's figures only those of ByMetric are written there.
    """

    labels_saved: LabelsSaved
    random: ModelFigures | None
    active: ModelFigures | None
    delta: ByMetric[Difference] | None


def split_arms(labelled: pd.DataFrame, seed: int) -> Arms:
    """Split a round's training faces by how they were come by.

    Rounds before the first with a face drawn at random have picked nothing: they were imported.
    Random faces come in a seeded order, so that the first few are a random sample of all; picked
    ones come round by round, as they were labelled.

    Args:
        labelled: columns of LABELLED; held-out faces and their groups are not in split `train`.
        seed: of the order within.
    """
    drawn = (labelled["purpose"] == "validation") & labelled["inclusion_probability"].notna()
    first = min(map(order_of, labelled.loc[drawn, "round"]), default=(math.inf, 0))
    looped = np.array([order_of(name) >= first for name in labelled["round"]], dtype=bool)
    trains = labelled["split"] == "train"
    ordered = labelled.assign(
        order=[order_key(seed, "shadow", face) for face in labelled["face_id"]],
        age=labelled["round"].map(order_of),
    )
    picked = trains & looped & (labelled["purpose"] == "train")
    return Arms(
        labelled[trains & ~looped],
        ordered[trains & drawn].sort_values("order")[labelled.columns],
        ordered[picked].sort_values(["age", "order"])[labelled.columns],
    )


def why_unknown(n: int, random: pd.DataFrame, active: pd.DataFrame) -> str | None:
    """Return why the arms cannot be compared, or None where they can.

    Args:
        n: faces to judge on.
        random, active: the arms' labelled faces.
    """
    if n == 0:
        return "no validation set to judge on"
    if min(len(random), len(active)) >= LEAST_LABELS:
        return None
    return (
        f"{len(random)} labels of faces drawn at random and {len(active)} of picked ones may "
        f"train; {LEAST_LABELS} of each are needed"
    )


def curve_sizes(n: int) -> list[int]:
    """Return up to POINTS sizes, each half of the next, from the smallest up to n."""
    sizes = {round(n / 2**halvings) for halvings in range(POINTS)}
    return sorted(size for size in sizes if size >= SMALLEST)


def labels_needed(sizes: Sequence[int], scores: np.ndarray, wanted: float) -> tuple[float, int]:
    """Return the labels at which a learning curve reaches a score, and on which side it leaves it.

    The curve is made monotone by isotonic regression, so that a dip by chance is no second
    crossing, and is straight in ln(labels) between its points.

    Returns:
        (labels, 0); (first size, -1) where even that is above, (last size, 1) where none reaches.
    """
    rising = isotonic_regression(scores).x
    if wanted < rising[0] - TIE:
        return float(sizes[0]), -1
    if wanted > rising[-1] + TIE:
        return float(sizes[-1]), 1
    first = int(np.flatnonzero(rising >= wanted - TIE)[0])
    last = int(np.flatnonzero(rising <= wanted + TIE)[-1])
    logs = np.log(sizes)
    if first <= last:  # on a point, or on a flat stretch: its middle
        return float(np.exp((logs[first] + logs[last]) / 2)), 0
    share = (wanted - rising[last]) / (rising[first] - rising[last])
    return float(np.exp(logs[last] + share * (logs[first] - logs[last]))), 0


def labels_saved(
    sizes: Sequence[int], active: np.ndarray, random: np.ndarray, n: int, confidence: float
) -> LabelsSaved:
    """Return the share of labels that picking has saved, at the score that n random labels reach.

    It is 1 - m / n, where m is the number of picked labels at which the active arm's own learning
    curve reached that score: an interpolation, whichever arm is ahead. (The other way round, the
    random arm's curve would have to be followed beyond its end just where picking helps.)

    Args:
        sizes: k numbers of labels of the active arm, ascending.
        active: its scores, (1 + replicates, k), the estimate first.
        random: the random arm's score at n labels, (1 + replicates,), of the same replicates.
        n: labels of the random arm.
        confidence: of the interval.

    Returns:
        The bound is `at least` where the active arm was ahead at its first size already, `at most`
        where it has not got there yet.
    """
    found = [labels_needed(sizes, *pair) for pair in zip(active, random, strict=True)]
    saved = np.array([1 - labels / n for labels, _ in found])
    sides = np.array([side for _, side in found])
    order = np.lexsort((-sides[1:], saved[1:]))
    tail = math.floor((1 - confidence) / 2 * (len(order) - 1))
    low, high = order[tail] + 1, order[-1 - tail] + 1
    return LabelsSaved(
        value=float(saved[0]),
        bound=BOUNDS[int(sides[0])],
        low=None if sides[low] > 0 else float(saved[low]),
        high=None if sides[high] < 0 else float(saved[high]),
    )


def compare_arms(
    held_out: HeldOut,
    by_chance: Mapping[int, Head],
    picked: Mapping[int, Head],
    metric: str,
    settings: Intervals,
    rng: np.random.Generator,
) -> tuple[ArmsCompared, pd.DataFrame]:
    """Return both arms' figures at equal label count, and their learning curves: columns CURVE.

    Args:
        held_out: the current validation set; its two models are not used.
        by_chance: heads by the number of random labels they were trained on.
        picked: the same of picked labels; it may go on to more.
        metric: what labels_saved and the curves are in.
        settings: bootstrap and confidence.
        rng: of the bootstrap over validation groups: the same draws for all heads.
    """
    n = max(by_chance)
    equal = replace(held_out, accepted=by_chance[n], candidate=picked[n])
    found = compare(predict_with_both(equal), by_chance[n].classes, settings, rng)
    draws = _scores(held_out, [*by_chance.values(), *picked.values()], metric, settings, rng)
    random, active = draws[:, : len(by_chance)], draws[:, len(by_chance) :]
    at_n = random[:, list(by_chance).index(n)]
    scores = dict(zip(picked, active[0], strict=True))
    saved = labels_saved(list(picked), active, at_n, n, settings.confidence)
    rows = [(size, score, scores[size]) for size, score in zip(by_chance, random[0], strict=True)]
    arms = ArmsCompared(saved, found.accepted, found.candidate, found.delta)
    return arms, pd.DataFrame(rows, columns=CURVE)


def _scores(
    held_out: HeldOut,
    heads: Sequence[Head],
    metric: str,
    settings: Intervals,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return each head's score, (1 + replicates, heads), the estimate first."""
    confusions = [
        confusion_by_group(
            held_out.truth,
            predict(head, held_out.features).argmax(axis=1),
            held_out.groups,
            len(head.classes),
            held_out.weights,
        )
        for head in heads
    ]
    drawn = bootstrap_confusions(confusions, settings.bootstrap, rng)
    points = [figures(one.sum(axis=0))[metric] for one in confusions]
    return np.vstack([points, np.column_stack([figures(draws)[metric] for draws in drawn])])
