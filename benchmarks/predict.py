"""Are corrected class shares right? UTKFace's embeddings, drawn again and again in skewed mixes.

python -m benchmarks.predict
"""

import argparse
import sys
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.active_learning import UTKFACE
from benchmarks.scratch import ROOT
from faceloop.balance.class_shares import (
    RandomLabels,
    Unlabelled,
    estimate_shares,
    share_estimates,
    shares_as_predicted,
)
from faceloop.commands.settings import read_settings
from faceloop.model.fit_head import fit_head
from faceloop.model.head import predict

TRAINING, HEADS = 1000, 5
CONFIDENCE = 0.95


class Faces(NamedTuple):
    """Held-out faces: their class and what the head made of them, p of shape (n, C)."""

    truth: np.ndarray
    p: np.ndarray
    classes: list[str]


def main() -> int:
    """Print a table: how far off shares are, and how often their intervals hold the truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100, help="mixes for each row")
    parser.add_argument("--faces", type=int, default=500, help="in each mix")
    parser.add_argument("--replicates", type=int, default=500, help="of the bootstrap")
    arguments = parser.parse_args()
    if not UTKFACE.is_dir():
        print(f"error: {UTKFACE} is not here: this benchmark needs it", file=sys.stderr)
        return 2
    heads = [held_out_faces(seed) for seed in range(HEADS)]
    rows = []
    for drawn in (120, 300, 1000):
        trials = [
            one_trial(heads[at % HEADS], drawn, arguments.faces, arguments.replicates, at)
            for at in range(arguments.trials)
        ]
        rows.append({"drawn faces": drawn} | pd.DataFrame(trials).mean().round(3).to_dict())
    table = pd.DataFrame(rows)
    print("| " + " | ".join(table.columns) + " |")
    print("|" + " --- |" * len(table.columns))
    for row in table.itertuples(index=False):
        print("| " + " | ".join(f"{value:g}" for value in row) + " |")
    return 0


def held_out_faces(seed: int) -> Faces:
    """Train a head on 1,000 random faces; return all the others."""
    table = pd.read_csv(UTKFACE / "labels.csv")
    classes = sorted(table["race"].unique())
    truth = table["race"].map(classes.index).to_numpy(dtype=np.int64)
    with np.load(UTKFACE / "embeddings_0095.npz", allow_pickle=False) as shared:
        embeddings = shared["embeddings"].astype(np.float32)
    train, rest = np.split(np.random.default_rng(seed).permutation(len(truth)), [TRAINING])
    settings = read_settings(ROOT / "params.yaml").train
    groups = train.astype(str)
    head = fit_head(embeddings[train], truth[train], groups, classes, "", settings, seed).head
    return Faces(truth[rest], predict(head, embeddings[rest]), classes)


def one_trial(
    held_out: Faces, drawn: int, faces: int, replicates: int, seed: int
) -> dict[str, Any]:
    """Measure the mistakes on `drawn` random faces, then the shares of others in a random mix.

    Each mix of classes is as likely as any other (Dirichlet), so most are far from UTKFace's own.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(held_out.truth))
    measured, others = order[:drawn], order[drawn:]
    n_classes = held_out.p.shape[1]
    mix = rng.multinomial(faces, rng.dirichlet(np.ones(n_classes)))
    picked = np.concatenate(
        [
            rng.choice(others[held_out.truth[others] == at], n, replace=True)
            for at, n in enumerate(mix)
        ]
    )
    labels = held_out.truth[measured]
    random = RandomLabels(held_out.p[measured], labels, measured, np.ones(drawn))
    said = Unlabelled(held_out.p[picked], np.arange(faces), np.ones(faces))
    (corrected,) = estimate_shares(random, [said], replicates, rng)
    truth = mix / faces
    result: dict[str, Any] = {}
    both = {"predicted": shares_as_predicted(said, replicates, rng), "corrected": corrected}
    for kind, draws in both.items():
        values = share_estimates(draws, held_out.classes, faces, CONFIDENCE)
        table = pd.DataFrame([one.model_dump() for one in values.values()])
        result[f"{kind}: error"] = (table["value"] - truth).abs().mean()
        result[f"{kind}: coverage"] = ((table["low"] <= truth) & (truth <= table["high"])).mean()
        result[f"{kind}: width"] = (table["high"] - table["low"]).mean()
    return result


if __name__ == "__main__":
    sys.exit(main())
