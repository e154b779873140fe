"""The pipeline measured on real faces: `python -m benchmarks.real_faces [--only photos ...]`.

Prints Markdown tables on stdout and what the stages say on stderr.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import active_learning, detection, embedder
from benchmarks.scratch import DATA, EMBEDDER

FIRST_SEED = 20221004


def main(words: Sequence[str] | None = None) -> int:
    """Run the chosen parts; return 0 when done, 2 where the real data is not here."""
    arguments = read_arguments(words)
    missing = [path for path in (DATA, EMBEDDER) if not path.exists()]
    if missing:
        print(f"error: the real faces are not here: {missing[0]} is missing", file=sys.stderr)
        return 2
    scratch = tempfile.TemporaryDirectory() if arguments.work is None else nullcontext()
    with scratch as temporary:
        work = Path(temporary or arguments.work).resolve()
        for name in arguments.only or PARTS:
            started = time.perf_counter()
            print(f"## {name}\n")
            PARTS[name](work, arguments)
            print(f"{name} took {time.perf_counter() - started:.0f} s.\n", flush=True)
    return 0


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's choices."""
    parser = argparse.ArgumentParser(prog="benchmarks.real_faces", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=list(PARTS), help="the parts to run; all where left out"
    )
    parser.add_argument("--seeds", type=int, default=3, help="runs of each arm of the loop")
    parser.add_argument("--rounds", type=int, default=10, help="rounds after the seed round")
    parser.add_argument(
        "--work", type=Path, help="scratch folder; UTKFace's faces found there are used again"
    )
    return parser.parse_args(words)


def print_table(table: pd.DataFrame, decimals: int = 3) -> None:
    """Print a table as Markdown; measured numbers get `decimals`, missing ones a dash."""
    print("| " + " | ".join(map(str, table.columns)) + " |")
    print("|" + " --- |" * len(table.columns))
    for row in table.convert_dtypes().itertuples(index=False):
        print("| " + " | ".join(_shown(value, decimals) for value in row) + " |")
    print(flush=True)


def _shown(value: Any, decimals: int) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)


def photos(work: Path, arguments: argparse.Namespace) -> None:
    """Print recall and precision on photos with known boxes."""
    rows = [row for name in ("dlib", "wider") for row in detection.measure_photos(name, work)]
    print_table(pd.DataFrame(rows))


def videos(work: Path, arguments: argparse.Namespace) -> None:
    """Print what the four videos give."""
    paths = sorted(path for path in (DATA / "videos").iterdir() if path.is_file())
    print_table(pd.DataFrame([detection.measure_video(path, work) for path in paths]), 2)


def loop(work: Path, arguments: argparse.Namespace) -> None:
    """Print what the crops cost, then the learning curves and the gate's verdicts."""
    prepared = active_learning.prepare(work)
    print_table(embedder.compare_crops(prepared, arguments.seeds))
    runs = pd.concat(
        [
            active_learning.run_arm(
                prepared, work / "round-trip", arm, FIRST_SEED + at, arguments.rounds
            )
            for at in range(arguments.seeds)
            for arm in active_learning.ARMS
        ],
        ignore_index=True,
    )
    runs.to_csv(work / "loop.csv", index=False)
    print_curves(runs)


def print_curves(runs: pd.DataFrame) -> None:
    """Print macro-F1, the gate's verdicts and the labels saved, of the rows of `run_arm`."""
    scores = runs.pivot(index="labels", columns=["arm", "seed"], values="macro_f1")
    print_table(_curve_table(scores))
    print_table(_verdict_table(runs))
    print_table(_savings_table(scores.T.groupby("arm").mean().T))


def _curve_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return macro-F1 of each arm, and by how much active learning leads at the same seed."""
    curves = {arm: scores[arm].to_numpy() for arm in active_learning.ARMS}
    active, random = curves.values()
    shown = {name: _mean_and_sd(one) for name, one in (curves | {"lead": active - random}).items()}
    return pd.DataFrame({"labels": scores.index, **shown})


def _mean_and_sd(scores: np.ndarray) -> list[str]:
    """Return a text a row of (rounds, seeds): the mean over seeds and its standard deviation."""
    several = scores.shape[1] > 1
    return [f"{row.mean():.3f} ± {row.std(ddof=1) if several else 0:.3f}" for row in scores]


def _verdict_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each round and arm, the verdicts of all seeds with their counts."""

    def counted(verdicts: pd.Series) -> str:
        return ", ".join(f"{n} × {verdict}" for verdict, n in verdicts.value_counts().items())

    verdicts = runs.groupby(["labels", "arm"])["verdict"].agg(counted).unstack("arm")
    return verdicts[list(active_learning.ARMS)].reset_index()


def _savings_table(means: pd.DataFrame) -> pd.DataFrame:
    """Return how many labels each arm needs to reach what random reaches in the end."""
    target = float(means["random"].iloc[-1])
    rows = []
    for arm in active_learning.ARMS:
        needed = active_learning.labels_to_reach(means[arm], target)
        saved = "–" if math.isnan(needed) else f"{1 - needed / means.index.max():.0%}"
        rows.append({"arm": arm, "macro-F1": target, "labels": needed, "saved": saved})
    return pd.DataFrame(rows).round({"labels": 0})


PARTS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "photos": photos,
    "videos": videos,
    "loop": loop,
}

if __name__ == "__main__":
    sys.exit(main())
