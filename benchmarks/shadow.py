"""Does the shadow arm tell the truth? `python -m benchmarks.shadow [--seeds 10]`.

Rounds on UTKFace's embeddings, `race` as coded: faces drawn at random to judge a round and faces
picked by a strategy, labelled from the truth. After the last round the arms are compared on that
round's validation set, as in the pipeline, and on a fixed test set. Picked by chance, both arms are
alike and the true saving is nought.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.active_learning import macro_f1
from benchmarks.real_faces import print_table
from benchmarks.scratch import ROOT
from benchmarks.utkface import Faces, read_faces
from faceloop.base.randomness import generator
from faceloop.commands.settings import Settings, read_settings
from faceloop.evaluation.evaluation_figures import LabelsSaved
from faceloop.evaluation.held_out import HeldOut
from faceloop.evaluation.shadow import compare_arms, curve_sizes, labels_needed, split_arms
from faceloop.model.fit_head import fit_head
from faceloop.model.head import Head, predict
from faceloop.sampling.uncertainty import STRATEGIES, most_uncertain, score
from faceloop.statistics.estimates import Difference

TEST, ROUNDS, VALIDATION, PICKED = 3000, 7, 100, 100  # faces, and rounds with the seed
BOTH = [VALIDATION, PICKED]
ARMS = ("margin", "random")


def main() -> None:
    """Print a row a strategy: the truth, what was said of it, and how often it was held."""
    parser = argparse.ArgumentParser(prog="benchmarks.shadow", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--strategies", nargs="+", choices=[*STRATEGIES, "random"], default=ARMS)
    arguments = parser.parse_args()
    data, settings = read_faces("race"), read_settings(ROOT / "params.yaml")
    rows = []
    for strategy in arguments.strategies:
        runs = []
        for seed in range(arguments.seeds):
            runs.append(run(data, strategy, seed, settings))
            print(strategy, seed, runs[-1], file=sys.stderr, flush=True)
        rows.append(summary(strategy, runs))
    print_table(pd.DataFrame(rows).T.reset_index().set_axis(["", *arguments.strategies], axis=1))


def run(data: Faces, strategy: str, seed: int, settings: Settings) -> dict[str, Any]:
    """Return what is said on the last round's validation set, and both arms' test scores."""
    test, pool = np.split(generator(0, "test").permutation(len(data.labels)), [TEST])
    labelled = label_rounds(data, pool, strategy, seed, settings)
    _, random, active = split_arms(labelled, seed)
    n = min(len(random), len(active))
    sizes = curve_sizes(n)
    by_random = {size: fit(data, random.index[:size], settings, seed) for size in sizes}
    by_active = {
        size: fit(data, active.index[:size], settings, seed) for size in [*sizes, len(active)]
    }
    judges = labelled.index[labelled["split"] == "validation"]
    held_out = HeldOut(
        data.labels[judges], judges.to_numpy(), data.features[judges], by_random[n], by_active[n]
    )
    rng = generator(seed, "eval_shadow", strategy)
    arms, _ = compare_arms(
        held_out, by_random, by_active, settings.gate.metric, settings.intervals, rng
    )
    if arms.delta is None:
        raise RuntimeError("no face to judge on")
    scores = [macro_f1(head, data.features[test], data.labels[test]) for head in by_active.values()]
    return {
        "delta": arms.delta[settings.gate.metric],
        "saved": arms.labels_saved,
        "sizes": list(by_active),
        "active": scores,
        "random": macro_f1(by_random[n], data.features[test], data.labels[test]),
        "active at n": scores[sizes.index(n)],
    }


def label_rounds(
    data: Faces, pool: np.ndarray, strategy: str, seed: int, settings: Settings
) -> pd.DataFrame:
    """Return the labelled faces after the last round, indexed by their place in the data."""
    rng = generator(seed, "rounds", strategy)
    labelled = pd.DataFrame()
    for at in range(ROUNDS):
        free = np.setdiff1d(pool, labelled.index.to_numpy(dtype=int))
        drawn, rest = np.split(rng.permutation(free), [VALIDATION])
        if at == 0:
            picked = rest[:PICKED]
        else:
            p = predict(fit(data, labelled.index, settings, seed), data.features[rest])
            scores = score(strategy, p, rest.astype(str), rng)
            picked = rest[most_uncertain(scores, rest.astype(str), PICKED)]
        asked = pd.DataFrame(
            {
                "face_id": np.append(drawn, picked).astype(str),
                "round": f"o01-i{at:02d}",
                "purpose": np.repeat(["validation", "train"], BOTH),
                "inclusion_probability": np.repeat([VALIDATION / len(free), np.nan], BOTH),
                "split": "train",
            },
            index=np.append(drawn, picked),
        )
        labelled = pd.concat([labelled, asked])
    judges = (labelled["round"] == asked["round"].iloc[0]) & (labelled["purpose"] == "validation")
    labelled.loc[judges, "split"] = "validation"
    return labelled


def fit(data: Faces, faces: pd.Index, settings: Settings, seed: int) -> Head:
    """Train a head on these faces; each is a group of its own."""
    rows = faces.to_numpy(dtype=int)
    labels = data.labels[rows]
    return fit_head(data.features[rows], labels, rows, data.classes, "", settings.train, seed).head


def summary(strategy: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means over the seeds, and the share of seeds whose interval held the truth.

    The truth is that of the seed's own heads on the test set, and that of the mean curves: what
    the strategy saves in general, of which one seed's labels are but one draw.
    """
    curves = np.array([one["active"] for one in runs])
    sizes, n = runs[0]["sizes"], runs[0]["sizes"][-2]
    random = np.array([one["random"] for one in runs])
    own = np.array([saving(sizes, *pair, n) for pair in zip(curves, random, strict=True)])
    mean = saving(sizes, curves.mean(axis=0), random.mean(), n)
    lead = np.array([one["active at n"] for one in runs]) - random
    widths = [one["delta"].high - one["delta"].low for one in runs]
    return {
        "labels an arm": n,
        "lead on the test set": lead.mean(),
        "lead, standard deviation over seeds": lead.std(ddof=1),
        "lead, as told (mean)": np.mean([one["delta"].value for one in runs]),
        "width of its interval": np.mean(widths),
        "held the seed's own lead": held([one["delta"] for one in runs], lead),
        "held the mean lead": held([one["delta"] for one in runs], lead * 0 + lead.mean()),
        "saved on the test set, by the mean curves": mean,
        "saved, as told (median)": np.median([one["saved"].value for one in runs]),
        "held the seed's own saving": held([one["saved"] for one in runs], own),
        "held the mean curves' saving": held([one["saved"] for one in runs], own * 0 + mean),
        "said to save for certain": np.mean([(one["saved"].low or 0) > 0 for one in runs]),
        "intervals open at an end": np.mean(
            [None in (one["saved"].low, one["saved"].high) for one in runs]
        ),
    }


def saving(sizes: list[int], active: np.ndarray, random: float, n: int) -> float:
    """Return the share of labels saved by a learning curve without an interval."""
    return 1 - labels_needed(sizes, active, random)[0] / n


def held(said: Sequence[Difference | LabelsSaved], true: np.ndarray) -> float:
    """Return the share of intervals that hold the truth; an open end holds all on its side."""
    inside = [
        (one.low is None or one.low <= value) and (one.high is None or value <= one.high)
        for one, value in zip(said, true, strict=True)
    ]
    return float(np.mean(inside))


if __name__ == "__main__":
    main()
