"""Does the jury stand for the batch in every round? Made pools where crowds are unlike portraits.

    python -m benchmarks.jury

One class lives in crowds and a rare one in portraits, faces of crowds are harder, and a photo's
faces share luck. Each round is judged by 60 faces of the next lots, as sample_validation draws
them, and labels the 60 that look hardest elsewhere. The model never learns, so that the truth
stays: the batch's accuracy, macro-F1 and class shares. "Unseen photos" draws the 60 from half of
the photos without a label instead, as faceloop did before it had a jury.
"""

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.gate import markdown
from faceloop.balance.class_shares import RandomLabels, Unlabelled, estimate_shares, share_estimates
from faceloop.base.randomness import generator
from faceloop.evaluation.comparison import PairedPredictions, compare
from faceloop.evaluation.held_out import WholeBatch
from faceloop.evaluation.whole_batch import whole_batch_figures
from faceloop.model.head import Head
from faceloop.sampling.jury import LEARNS, next_lots, set_aside
from faceloop.sampling.validation import draw_groups, stratified_sample
from faceloop.statistics.confusion import class_shares, confusion_by_group, figures
from faceloop.statistics.params import Intervals

CLASSES = ("a", "b", "rare")
SETTINGS = Intervals(bootstrap=200, confidence=0.95)
PHOTOS, SIZE, ROUNDS = 600, 60, 5
PLAIN = np.zeros(3, np.float32)
HEAD = Head(CLASSES, PLAIN[None], PLAIN, PLAIN[:1], PLAIN[:1] + 1, 1.0, 1.0, "-")


class MadePool(NamedTuple):
    """Faces: truth, the model's probabilities (n, C), photo and how hard each looks."""

    truth: np.ndarray
    p: np.ndarray
    groups: np.ndarray
    hardness: np.ndarray


def make_pool(photos: int, rng: np.random.Generator) -> MadePool:
    """Make a pool: three photos of four are portraits, the others show 3 to 12 faces."""
    sizes = np.where(rng.random(photos) < 0.75, 1, rng.integers(3, 13, photos))
    groups = np.repeat(np.arange(photos), sizes)
    crowd, n = sizes[groups] > 1, len(groups)
    # Half of a photo's faces share a class and their luck.
    luck, kind = (
        np.where(rng.random(n) < 0.5, rng.random(photos)[groups], rng.random(n)) for _ in range(2)
    )
    limits = np.where(crowd[:, None], [0.75, 0.99], [0.3, 0.85])
    truth = (kind[:, None] >= limits).sum(axis=1)
    right = luck < np.where(crowd, 0.7, 0.9)
    said = np.where(right, truth, (truth + rng.integers(1, 3, n)) % 3)
    confidence = np.clip(0.95 - 0.4 * luck + rng.normal(scale=0.1, size=n), 0.4, 0.98)
    p = np.full((n, 3), ((1 - confidence) / 2)[:, None])
    p[np.arange(n), said] = confidence
    return MadePool(truth, p, groups, luck + rng.normal(scale=0.2, size=n))


def deal(pool: MadePool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return each face's lot and stratum, as sample_jury deals them."""
    _, sizes = np.unique(pool.groups, return_counts=True)
    lots, strata = set_aside(sizes, np.zeros(len(sizes), int), 0.5, rng)
    return lots[pool.groups], strata[pool.groups]


def rounds(
    pool: MadePool, lots: np.ndarray, strata: np.ndarray, jury: bool, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Go through an outer iteration; yield each round's validation faces."""
    lots = lots.copy()
    labelled = np.zeros(len(pool.truth), bool)
    for _ in range(ROUNDS):
        if jury:
            frame = np.flatnonzero(next_lots(lots, SIZE))
            spared = lots != LEARNS
        else:
            seen = np.isin(pool.groups, pool.groups[labelled])
            unseen = np.flatnonzero(~seen)
            frame = unseen[draw_groups(pool.groups[unseen], 0.5, rng)[0]]
            spared = np.zeros(len(labelled), bool)
        drawn = frame[stratified_sample(strata[frame], pool.groups[frame], SIZE, rng)]
        lots[frame] = LEARNS
        free = np.flatnonzero(~labelled & ~spared & ~np.isin(pool.groups, pool.groups[drawn]))
        labelled[drawn] = labelled[free[np.argsort(-pool.hardness[free])[:SIZE]]] = True
        yield drawn


def held(photos: int, jury: bool, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield, a round, what intervals hold the truth of the batch, and how far estimates are off."""
    pool = make_pool(photos, rng)
    counts = confusion_by_group(pool.truth, pool.p.argmax(axis=1), pool.truth * 0, 3)[0]
    true, shares = figures(counts), class_shares(counts)
    lots, strata = deal(pool, rng)
    before = np.empty(0, int)
    for drawn in rounds(pool, lots, strata, jury, rng):
        judged = _paired(pool, drawn)
        found = compare(judged, CLASSES, SETTINGS, rng)
        whole = whole_batch_figures(judged, _batch(pool, before), HEAD, SETTINGS, rng)
        before = np.concatenate([before, drawn])
        assert found.candidate and whole
        row: dict[str, Any] = {}
        for name in ("accuracy", "macro_f1"):
            row[f"set: {name}"] = _in(found.candidate[name], true[name])
            row[f"batch: {name}"] = _in(whole[name], true[name])
        row["set: shares"] = np.mean(
            [_in(found.class_shares[name], one) for name, one in zip(CLASSES, shares, strict=True)]
        )
        corrected = predicted_shares(pool, before, rng)
        row["predict: shares"] = np.mean(
            [_in(corrected[name], one) for name, one in zip(CLASSES, shares, strict=True)]
        )
        row["accuracy off by"] = found.candidate.accuracy.value - true["accuracy"]
        row["rare off by"] = found.class_shares["rare"].value - shares[2]
        yield row


def predicted_shares(pool: MadePool, drawn: np.ndarray, rng: np.random.Generator) -> Any:
    """Return what predict says of the whole batch, calibrated by all faces drawn so far."""
    ones = np.ones(len(drawn))
    chance = RandomLabels(pool.p[drawn], pool.truth[drawn], pool.groups[drawn], ones)
    everyone = Unlabelled(pool.p, pool.groups, np.ones(len(pool.truth)))
    (draws,) = estimate_shares(chance, [everyone], SETTINGS.bootstrap, rng)
    return share_estimates(draws, CLASSES, len(np.unique(pool.groups)), SETTINGS.confidence)


def _paired(pool: MadePool, rows: np.ndarray) -> PairedPredictions:
    p = pool.p[rows]
    return PairedPredictions(pool.truth[rows], pool.groups[rows], p, p)


def _batch(pool: MadePool, rows: np.ndarray) -> WholeBatch:
    n = len(rows)
    return WholeBatch(
        truth=pool.truth[rows],
        groups=pool.groups[rows],
        weights=np.ones(n),
        strata=None,
        features=np.zeros((n, 1), np.float32),
        out_of_fold=pool.p[rows],
        trained=np.ones(n, bool),
        faces=float(len(pool.truth)),
        embeddings=np.zeros((0, 1)),
        unlabelled=np.zeros(0, bool),
    )


def _in(one: Any, truth: Any) -> bool:
    return bool(one.low <= truth <= one.high)


def table(photos: int, jury: bool, repeats: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return the mean of each column of `held`, a row a round."""
    found = [list(held(photos, jury, rng)) for _ in range(repeats)]
    return [
        {"round": at + 1, **{name: np.mean([one[name] for one in rows]) for name in rows[0]}}
        for at, rows in enumerate(zip(*found, strict=True))
    ]


def main() -> None:
    """Print the tables of benchmarks/results/jury.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for jury in (False, True):
        title = f"{PHOTOS} photos, {'the jury' if jury else 'unseen photos'}"
        rng = generator(asked.seed, "benchmarks.jury", title)
        found = table(PHOTOS, jury, asked.repeats, rng)
        print(f"\n{title}: per cent\n\n{markdown(iter(found))}", flush=True)


if __name__ == "__main__":
    main()
