"""Do the 95 % intervals hold the truth in 95 % of rounds? Simulated validation sets.

    python -m benchmarks.coverage

Of a made population half the photos are drawn, then a stratified systematic sample of their faces,
the strata telling something of class and difficulty. "weighted" draws hard faces twice as often and
counts them by their inverse probability. benchmarks.jury goes through the rounds of a loop.
"""

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.gate import markdown
from faceloop.base.randomness import generator
from faceloop.evaluation.comparison import PairedPredictions, confusions_of, errors, estimates_of
from faceloop.sampling.validation import draw_groups, stratified_sample
from faceloop.statistics.confusion import class_shares, confusion_by_group, figures
from faceloop.statistics.intervals import Error, deviation
from faceloop.statistics.resampling import bootstrap_confusions

FACES, DRAWS, CONFIDENCE = 20_000, 200, 0.95
SIZES = (60, 120, 300, 600, 1000)


class Population(NamedTuple):
    """Faces with truth, prediction, photo, stratum and how hard they look, (FACES,) each."""

    truth: np.ndarray
    said: np.ndarray
    groups: np.ndarray
    strata: np.ndarray
    hardness: np.ndarray


def population(
    shares: list[float], accuracy: list[float], photo: int, rng: np.random.Generator
) -> Population:
    """Make a population; faces of one photo share class and luck in half of all cases."""
    n, n_classes = FACES, len(shares)
    groups = np.repeat(np.arange(n), rng.integers(1, 2 * photo, n))[:n]
    shared = (rng.random(n) < 0.5) & (photo > 1)
    truth = np.where(
        shared, rng.choice(n_classes, n, p=shares)[groups], rng.choice(n_classes, n, p=shares)
    )
    luck = np.where(shared, rng.random(n)[groups], rng.random(n))
    wrong = luck > np.array(accuracy)[truth]
    said = np.where(wrong, (truth + rng.integers(1, n_classes, n)) % n_classes, truth)
    hardness = luck + rng.normal(scale=0.3, size=n)
    strata = np.where(rng.random(n) < 0.4, truth, rng.integers(0, n_classes, n)) * 4
    strata += np.digitize(hardness, np.quantile(hardness, [0.25, 0.5, 0.75]))
    return Population(truth, said, groups, strata, hardness)


POPULATIONS: dict[str, tuple[list[float], list[float], int]] = {
    "3 classes, one face a photo": ([0.5, 0.3, 0.2], [0.9, 0.85, 0.8], 1),
    "3 classes, photos of 1 to 5": ([0.5, 0.3, 0.2], [0.9, 0.85, 0.8], 3),
    "5 classes, photos of 1 to 5": ([0.4, 0.25, 0.15, 0.12, 0.08], [0.85, 0.75, 0.8, 0.7, 0.6], 3),
    "a class of 5 %": ([0.8, 0.15, 0.05], [0.95, 0.8, 0.7], 1),
    "nearly all right": ([0.5, 0.3, 0.2], [0.98, 0.97, 0.96], 3),
}


def coverage(
    name: str, weighted: bool, repeats: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Return how often each figure's interval holds the population's, by size of the sample."""
    everyone = population(*POPULATIONS[name], rng)
    n_classes = int(everyone.truth.max()) + 1
    counts = confusion_by_group(everyone.truth, everyone.said, everyone.truth * 0, n_classes)
    for n in SIZES:
        held = [_held(everyone, counts.sum(axis=0), n, weighted, rng) for _ in range(repeats)]
        yield {
            "faces": n,
            **{key: np.mean([one[key] for one in held]) for key in held[0]},
        }


def _held(
    everyone: Population, true: np.ndarray, n: int, weighted: bool, rng: np.random.Generator
) -> dict[str, Any]:
    """Draw a validation set; tell of each figure whether its interval holds the truth."""
    n_classes, weights = len(true), None
    if weighted:
        probability = np.where(everyone.hardness > np.median(everyone.hardness), 2.0, 1.0)
        probability *= n / probability.sum()
        drawn = np.flatnonzero(rng.random(FACES) < probability)
        weights = 1 / probability[drawn] / np.mean(1 / probability[drawn])
    else:
        lent = np.flatnonzero(draw_groups(everyone.groups, 0.5, rng)[0])
        drawn = lent[stratified_sample(everyone.strata[lent], everyone.groups[lent], n, rng)]
    truth, said, groups = (one[drawn] for one in everyone[:3])
    strata = None if weighted else everyone.strata[drawn]
    p = np.eye(n_classes)[said]
    counts, varying = confusions_of(PairedPredictions(truth, groups, p, p, weights, strata), p)
    (draws,) = bootstrap_confusions([varying], DRAWS, rng)
    point, n_groups = counts.sum(axis=0), len(counts)
    found = estimates_of(figures(point), errors(draws, counts, rng), n_groups, CONFIDENCE)
    spread = [Error(deviation(one, n_groups), n_groups - 1) for one in class_shares(draws).T]
    shares = estimates_of(
        {str(at): one for at, one in enumerate(class_shares(point))},
        {str(at): one for at, one in enumerate(spread)},
        n_groups,
        CONFIDENCE,
    )
    expected = figures(true)
    return {
        **{key: one.low <= expected[key] <= one.high for key, one in found.items()},
        "class shares": np.mean(
            [
                one.low <= share <= one.high
                for one, share in zip(shares.values(), class_shares(true), strict=True)
            ]
        ),
    }


def main() -> None:
    """Print the tables of benchmarks/results/coverage.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="populations with this in their name")
    asked = parser.parse_args()
    made = [(name, False) for name in POPULATIONS]
    for name, weighted in [*made, (made[0][0], True)]:
        title = name + (", weighted" if weighted else "")
        if asked.only in title:
            rng = generator(asked.seed, "benchmarks.coverage", title)
            table = markdown(coverage(name, weighted, asked.repeats, rng))
            print(f"\n{title}: coverage, per cent\n\n{table}", flush=True)


if __name__ == "__main__":
    main()
