"""A head that learns from the pool beside the logistic one, at random labels.

    python -m benchmarks.heads --out /tmp/heads [--only race ...] [--first 0] [--splits 20]

Of each split a quarter of the groups are test faces, which neither head has seen in any way: there
the student stands beside the logistic head. On the pool's unlabelled faces the combination does.
Rows are kept in --out as they come, and a run that was stopped goes on.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t
from tqdm import tqdm

from benchmarks.known_sets import ages, demo, digits, onet, utkface
from benchmarks.real_faces import print_table
from faceloop.base.randomness import generator
from faceloop.commands.simulation.simulated_loop import Labelled, split_test
from faceloop.model.fit_head import fit_head, folds_of
from faceloop.model.head import predict
from faceloop.model.params import Train
from faceloop.model.pool_head import Surroundings, learn_from_pool
from faceloop.model.spreading import affinity
from faceloop.neighbours.nearest import nearest, nearest_of
from faceloop.statistics.confusion import confusion_by_group, figures

SIZES = (60, 120, 300, 600, 1200)
TEST_SHARE, BINS = 0.25, 15
TRAIN = Train(head="pool", class_weight="none")
FIGURES = ("macro_f1", "log_loss", "ece")


def sets(cache: Path) -> dict[str, Callable[[], tuple[Labelled, list[str]]]]:
    """Return all sets by name; O-Net's features are kept in `cache`."""
    return {
        "race": lambda: utkface("race"),
        "gender": lambda: utkface("gender"),
        "age": ages,
        "onet-race": lambda: onet("race", cache),
        "onet-gender": lambda: onet("gender", cache),
        "digits": digits,
        "demo": demo,
    }


def judge(p: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return macro-F1, log loss and expected calibration error of probabilities (n, C)."""
    said, sure = p.argmax(axis=1), p.max(axis=1)
    counts = confusion_by_group(labels, said, labels * 0, p.shape[1])[0]
    own = np.maximum(p[np.arange(len(p)), labels], 1e-6)
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, (said == labels) - sure, BINS)
    return {
        "macro_f1": float(figures(counts)["macro_f1"]),
        "log_loss": float(-np.log(own).mean()),
        "ece": float(np.abs(gaps).sum() / len(p)),
    }


def split_rows(data: Labelled, classes: list[str], seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each size, head and kind of faces of one split."""
    pool, test = split_test(data, TEST_SHARE, seed)
    pool = generator(seed, "heads").permutation(pool)
    x, y, groups = data.features[pool], data.labels[pool], data.groups[pool]
    graph = affinity(*nearest(x, generator(seed, "neighbours")), len(x))
    nearest_face = nearest_of(data.features[test], x, 1).cosines
    far = nearest_face <= np.median(nearest_face)
    for size in SIZES:
        if size > 0.75 * len(pool):
            return
        some = slice(0, size)
        plain = fit_head(x[some], y[some], groups[some], classes, "-", TRAIN, seed)
        fold_of = folds_of(y[some], groups[some], seed)
        around = Surroundings(x, graph, np.arange(size))
        found = learn_from_pool(plain, x[some], y[some], fold_of, around, seed)
        said = {
            "logistic": (predict(plain.head, data.features[test]), predict(plain.head, x)),
            "pool": (predict(found.fit.head, data.features[test]), found.p),
        }
        for head, (new, here) in said.items():
            about = {"seed": seed, "labels": size, "head": head, "of": len(test) / len(pool)}
            truth = data.labels[test]
            yield {**about, "faces": "new", **judge(new, truth)}
            yield {**about, "faces": "new, far", **judge(new[far], truth[far])}
            yield {**about, "faces": "pool", **judge(here[size:], y[size:])}


def differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the pool head's figures less the logistic head's, with 95 % intervals.

    Splits of one set overlap: Nadeau and Bengio 2003, Inference for the Generalization Error,
    correct the variance of their mean by the share of test faces.
    """
    kept = ["set", "faces", "labels"]
    wide = rows.pivot_table(index=[*kept, "seed"], columns="head", values=list(FIGURES))
    found = []
    for key, some in wide.groupby(level=kept):
        n = len(some)
        row = dict(zip(kept, key, strict=True), splits=n)
        row["logistic"] = f"{some[('macro_f1', 'logistic')].mean():.3f}"
        for name in FIGURES[:2]:
            less = some[(name, "pool")] - some[(name, "logistic")]
            error = np.sqrt(less.var() * (1 / n + rows["of"].mean()))
            reach = student_t.ppf(0.975, n - 1) * error if n > 1 else np.nan
            mean = less.mean()
            row[name] = f"{mean:+.3f} [{mean - reach:+.3f}, {mean + reach:+.3f}]"
        plain, ours = (some[("ece", head)].mean() for head in ("logistic", "pool"))
        row["ece: logistic, pool"] = f"{plain:.3f}, {ours:.3f}"
        found.append(row)
    order = {name: at for at, name in enumerate(sets(Path()))}
    return pd.DataFrame(found).sort_values(
        kept, key=lambda column: column.map(order) if column.name == "set" else column
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run the splits that are missing in --out; print the table."""
    parser = argparse.ArgumentParser("benchmarks.heads", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=sets(Path()), default=list(sets(Path())))
    parser.add_argument("--first", type=int, default=0, help="seed of the first split")
    parser.add_argument("--splits", type=int, default=20)
    arguments = parser.parse_args(words)
    known, tables = sets(arguments.out / "onet.npz"), []
    for name in arguments.only:
        folder = arguments.out / name
        folder.mkdir(parents=True, exist_ok=True)
        data, classes = known[name]()
        seeds = range(arguments.first, arguments.first + arguments.splits)
        for seed in tqdm(seeds, name, disable=None):
            path = folder / f"{seed}.csv"
            if not path.is_file():
                pd.DataFrame(split_rows(data, classes, seed)).to_csv(path, index=False)
            tables.append(pd.read_csv(path).assign(set=name))
    print_table(differences(pd.concat(tables)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
