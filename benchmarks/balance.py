"""Class shares of batches skewed on purpose: `python -m benchmarks.balance [--trials 100]`.

Each trial draws its own faces of UTKFace: some to train the head and some whose labels are the
randomly drawn ones, both with the data set's own shares, and a batch whose shares come from a flat
Dirichlet distribution. Prints how often the interval held the true share.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.real_faces import print_table
from benchmarks.scratch import ROOT
from benchmarks.utkface import Faces, read_faces
from faceloop.balance.class_shares import (
    RandomLabels,
    Unlabelled,
    estimate_shares,
    share_estimates,
)
from faceloop.base.randomness import generator
from faceloop.commands.settings import Settings, read_settings
from faceloop.model.fit_head import fit_head
from faceloop.model.head import predict

TRAINED_ON, BATCH = 300, 1000  # faces
RANDOM_LABELS = (60, 180)
REPLICATES = 200  # fewer than params.yaml has: the interval's ends move little, over 400 trials
BY = ["classes of", "random labels"]
SHOWN = {"held": "mean", "width": "mean", "error": "mean"}


def main() -> None:
    """Print coverage, width and error, on average and class by class."""
    parser = argparse.ArgumentParser(prog="benchmarks.balance", description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    arguments = parser.parse_args()
    settings = read_settings(ROOT / "params.yaml")
    rows = pd.DataFrame(
        row
        for column in ("race", "gender")
        for data in [read_faces(column)]
        for trial in range(arguments.trials)
        for row in run_trial(column, data, trial, settings)
    )
    print_table(rows.groupby(BY).agg(SHOWN).reset_index())
    print_table(rows.groupby([*BY, "class"]).agg(SHOWN).reset_index())


def run_trial(column: str, data: Faces, trial: int, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row for each number of random labels and class."""
    rng = generator(trial, "balance", column)
    order = rng.permutation(len(data.labels))
    train, rest = order[:TRAINED_ON], order[TRAINED_ON:]
    head = fit_head(
        data.features[train], data.labels[train], train, data.classes, "", settings.train, trial
    ).head
    rest, batch = rest[: max(RANDOM_LABELS)], skewed(data, rest[max(RANDOM_LABELS) :], rng)
    true = np.bincount(data.labels[batch], minlength=len(data.classes)) / len(batch)
    said = Unlabelled(predict(head, data.features[batch]), batch, np.ones(len(batch)))
    for n in RANDOM_LABELS:
        drawn = rest[:n]
        p_drawn = predict(head, data.features[drawn])
        random = RandomLabels(p_drawn, data.labels[drawn], drawn, np.ones(n))
        (draws,) = estimate_shares(random, [said], REPLICATES, rng)
        confidence = settings.intervals.confidence
        found = share_estimates(draws, data.classes, len(batch), confidence)
        for share, (name, one) in zip(true, found.items(), strict=True):
            yield {
                **dict(zip(BY, (column, n), strict=True)),
                "class": name,
                "held": one.low <= share <= one.high,
                "width": one.high - one.low,
                "error": abs(one.value - share),
            }


def skewed(data: Faces, among: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a batch of faces with shares of chance; a class that runs out gives what it has."""
    wanted = rng.multinomial(BATCH, rng.dirichlet(np.ones(len(data.classes))))
    parts = []
    for label, n in enumerate(wanted):
        members = among[data.labels[among] == label]
        parts.append(rng.choice(members, min(n, len(members)), replace=False))
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
