"""How far figures could be off by chance: draws of whole groups, and swaps between two models."""

from collections.abc import Sequence

import numpy as np

from faceloop.statistics.confusion import METRICS, figures

LENT = 1.5  # faces a class; benchmarks/coverage.py shows what 0 would do where a class has few
BLOCK = 1000  # draws at a time
# Of the swap test. Its p is at least one in so many, and must reach down to the level of one look
# at the gate, error_rate / looks / 2: 0.00125 as shipped, and 0.000125 in a project of 200 looks.
SWAPS = 10_000


def bootstrap_confusions(
    confusions: Sequence[np.ndarray], replicates: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return each model's counts (replicates, C, C), none below 0, over the same draws of groups.

    Args:
        confusions: one (n_groups, C, C) a model, groups in the same order.
        replicates: number of draws.
        rng: of the draws.
    """
    n_groups, n_classes = confusions[0].shape[:2]
    cells = np.hstack([one.reshape(n_groups, -1) for one in confusions])
    even = np.full(n_groups, 1 / n_groups)
    parts = [  # so that thousands of groups fit in memory
        rng.multinomial(n_groups, even, size=min(BLOCK, replicates - start)) @ cells
        for start in range(0, replicates, BLOCK)
    ]
    drawn = np.maximum(np.vstack(parts), 0).reshape(
        replicates, len(confusions), n_classes, n_classes
    )
    return list(drawn.swapaxes(0, 1))


def lend_faces(draws: np.ndarray, rng: np.random.Generator, faces: float = LENT) -> np.ndarray:
    """Return counts (replicates, C, C) with some more faces a class, right or wrong by a coin.

    A class that was right in all of its three faces would show no spread at all: its error would
    be taken for none. As with Agresti and Coull's added successes and failures (1998), a class of
    many faces hardly feels it. For errors only, never for the figure itself.
    """
    replicates, n_classes, _ = draws.shape
    truth = np.arange(n_classes)
    wrong = (truth + rng.integers(1, n_classes, (replicates, n_classes))) % n_classes
    said = np.where(rng.random((replicates, n_classes)) < 0.5, truth, wrong)
    return draws + faces * (said[:, :, None] == truth)


def swap_test(
    confusions: Sequence[np.ndarray], draws: int, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return, for each figure, the chance of such a gain and of such a loss between equal models.

    The paired randomisation test: were the models alike, either could have made either's
    predictions, so those of each group are swapped by the toss of a coin (Noreen 1989,
    Computer-Intensive Methods; Yeh 2000, for F1). It holds for any figure and any size; the
    observed outcome counts as a draw, so p is never 0 (Phipson and Smyth 2010).

    Args:
        confusions: of the accepted and the candidate, (n_groups, C, C) each.
        draws: how many tosses of all coins; p is at least 1 / (draws + 1).
        rng: of the tosses.
    """
    before, after = confusions
    differs = np.flatnonzero((before != after).any(axis=(1, 2)))
    signs = rng.integers(0, 2, size=(draws, len(differs))) * 2.0 - 1
    signs = np.vstack([np.ones(len(differs)), signs])
    half = (after - before)[differs].reshape(len(differs), before[0].size) / 2
    swing = (signs @ half).reshape(-1, *before.shape[1:])
    middle = (before + after).sum(axis=0) / 2
    one, other = figures(middle - swing), figures(middle + swing)
    found = {}
    for metric in METRICS:
        delta = other[metric] - one[metric]
        found[metric] = (
            float((delta >= delta[0] - 1e-12).mean()),
            float((delta <= delta[0] + 1e-12).mean()),
        )
    return found
