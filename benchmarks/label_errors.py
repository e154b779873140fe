"""Flipped labels on UTKFace: how many are found, and what relabelling them wins back.

`python -m benchmarks.label_errors [--seeds 10] [--shares 0.05 0.2]` prints Markdown tables.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd
from cleanlab.rank import get_label_quality_scores

from benchmarks.real_faces import FIRST_SEED, print_table
from benchmarks.utkface import UTKFACE, Faces, draw, fit, macro_f1, read_faces
from faceloop.commands.settings import read_settings
from faceloop.model.params import Train
from faceloop.sampling.label_errors import label_quality, most_suspicious

TRAINING_FACES = 4000
RANKINGS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def main(words: Sequence[str] | None = None) -> int:
    """Print the tables; return 0 when done, 2 where UTKFace is not here."""
    parser = argparse.ArgumentParser(prog="benchmarks.label_errors", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="draws of faces and of flips")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.05], help="flipped")
    arguments = parser.parse_args(words)
    if not UTKFACE.is_dir():
        print(f"error: the real faces are not here: {UTKFACE} is missing", file=sys.stderr)
        return 2
    settings = read_settings().train
    runs = pd.DataFrame(
        [
            {"labels": column, "flipped": share, **run(faces, share, settings, FIRST_SEED + at)}
            for column in ("gender", "race")
            for faces in [read_faces(column)]
            for share in arguments.shares
            for at in range(arguments.seeds)
        ]
    )
    by_setting = [some for _, some in runs.groupby(["labels", "flipped"])]
    rng = np.random.default_rng(FIRST_SEED)
    print_table(pd.DataFrame([_found(some, rng) for some in by_setting]))
    print_table(pd.DataFrame([_won_back(some, rng) for some in by_setting]))
    print_table(runs.groupby(["labels", "flipped"])[[*_ranking_names()]].mean().reset_index())
    return 0


def run(faces: Faces, share: float, settings: Train, seed: int) -> dict[str, float]:
    """Flip `share` of the labels, relabel as many suggestions twice, and measure each model."""
    rng = np.random.default_rng(seed)
    train, test = draw(faces, TRAINING_FACES, rng)
    size = round(share * TRAINING_FACES)
    flipped = rng.permutation(TRAINING_FACES)[:size]
    labels = train.labels.copy()
    shift = rng.integers(1, len(faces.classes), size)
    labels[flipped] = (labels[flipped] + shift) % len(faces.classes)
    wrong = labels != train.labels
    clean, before = fit(train, train.labels, settings, seed), fit(train, labels, settings, seed)
    result = {"clean": macro_f1(clean, test), "before": macro_f1(before, test)}
    result |= _by_ranking(labels, before.out_of_fold, wrong, size)
    fitted, asked = before, np.zeros(TRAINING_FACES, dtype=bool)
    for times in ("once", "twice"):
        open_rows = np.flatnonzero(~asked)
        quality = label_quality(labels[open_rows], fitted.out_of_fold[open_rows])
        asked[open_rows[most_suspicious(quality, open_rows, size)]] = True
        result[f"found {times}"] = wrong[asked].sum() / size
        result[f"precision {times}"] = wrong[asked].mean()
        labels = np.where(asked, train.labels, labels)
        fitted = fit(train, labels, settings, seed)
        result[f"relabelled {times}"] = macro_f1(fitted, test)
    print(seed, share, {name: round(value, 4) for name, value in result.items()}, file=sys.stderr)
    return result


def _by_ranking(
    labels: np.ndarray, p: np.ndarray, wrong: np.ndarray, size: int
) -> dict[str, float]:
    """Return the share of the flipped labels that each of cleanlab's rankings puts on top."""
    found = {}
    for name, (method, adjusted) in _ranking_names().items():
        quality = get_label_quality_scores(labels, p, method=method, adjust_pred_probs=adjusted)
        found[name] = wrong[most_suspicious(quality, np.arange(len(labels)), size)].mean()
    return found


def _ranking_names() -> dict[str, tuple[str, bool]]:
    plain = {name: (name, False) for name in RANKINGS}
    return plain | {f"{name}, adjusted": (name, True) for name in RANKINGS[:2]}


def _setting(runs: pd.DataFrame) -> dict[str, str]:
    """Return what the runs have in common: the first columns of a row."""
    first = runs.iloc[0]
    return {"labels": first["labels"], "flipped": f"{first['flipped']:.0%}"}


def _found(runs: pd.DataFrame, rng: np.random.Generator) -> dict[str, str]:
    columns = ["found once", "precision once", "found twice", "precision twice"]
    return _setting(runs) | {name: with_interval(runs[name].to_numpy(), rng) for name in columns}


def _won_back(runs: pd.DataFrame, rng: np.random.Generator) -> dict[str, str]:
    lost = (runs["clean"] - runs["before"]).to_numpy()
    row = _setting(runs) | {name: f"{runs[name].mean():.4f}" for name in ("clean", "before")}
    row["lost"] = with_interval(lost, rng, 4)
    for times in ("once", "twice"):
        row[f"relabelled {times}"] = f"{runs[f'relabelled {times}'].mean():.4f}"
        won = (runs[f"relabelled {times}"] - runs["before"]).to_numpy()
        row[f"won back {times}"] = _ratio_with_interval(won, lost, rng)
    return row


def with_interval(values: np.ndarray, rng: np.random.Generator, decimals: int = 3) -> str:
    """Return a mean over seeds with its 95 % bootstrap interval."""
    means = rng.choice(values, (10_000, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def _ratio_with_interval(part: np.ndarray, whole: np.ndarray, rng: np.random.Generator) -> str:
    """Return mean part / mean whole with its interval; a dash where the whole may be nothing."""
    drawn = rng.integers(len(part), size=(10_000, len(part)))
    parts, wholes = part[drawn].mean(axis=1), whole[drawn].mean(axis=1)
    if np.quantile(wholes, 0.025) <= 0:
        return "–"
    low, high = np.quantile(parts / wholes, [0.025, 0.975])
    return f"{part.mean() / whole.mean():.0%} [{low:.0%}, {high:.0%}]"


if __name__ == "__main__":
    sys.exit(main())
