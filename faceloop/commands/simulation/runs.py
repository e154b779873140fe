"""Running simulated loops: resumable, one curve a strategy and seed, in several processes."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import read_csv, write_csv
from faceloop.commands.settings import Settings
from faceloop.commands.simulation.simulated_loop import (
    WHOLE_POOL,
    Labelled,
    Picker,
    Plan,
    learning_curve,
    our_picker,
    whole_pool,
)
from faceloop.statistics.figure_files import read_json, write_json

RESULTS = {
    "strategy": "str",
    "seed": "int64",
    "round": "int64",
    "labels": "int64",
    "trained_on": "int64",
    "macro_f1": "float64",
    "accuracy": "float64",
    "l2": "float64",
}
BLOCKS = ("seed", "train", "sample_validation", "sample_uncertain", "sample_diverse")


WITH = " + "  # between a strategy and the head that it picks with, unless that is the first


class Simulation(NamedTuple):
    """All that a curve depends on, but for its strategy and seed."""

    data: Labelled
    classes: list[str]
    plan: Plan
    settings: Settings
    picker: Callable[[str, Settings], Picker] = our_picker


def simulate(
    simulation: Simulation, strategies: Sequence[str], seeds: int, out: Path, jobs: int = 1
) -> pd.DataFrame:
    """Return the rows of all strategies and of the whole pool; finished curves are kept in `out`.

    Raises:
        FaceloopError: `out` holds results of other data, params or plan.
    """
    _claim(out, simulation)
    path = out / "results.csv"
    done = read_csv(path, RESULTS) if path.is_file() else pd.DataFrame(columns=list(RESULTS))
    finished = set(zip(done["strategy"], done["seed"], strict=True))
    wanted = [(name, seed) for seed in range(seeds) for name in (WHOLE_POOL, *strategies)]
    missing = [one for one in wanted if one not in finished]
    progress = tqdm(total=len(missing), desc="simulate", unit="curve", disable=None)
    for rows in _curves(simulation, missing, jobs):
        done = pd.concat([done, rows]) if len(done) else rows
        done = done.sort_values(["strategy", "seed", "round"])
        write_csv(done, path)
        progress.update()
    progress.close()
    return done[[one in set(wanted) for one in zip(done["strategy"], done["seed"], strict=True)]]


def _curves(
    simulation: Simulation, missing: list[tuple[str, int]], jobs: int
) -> Iterator[pd.DataFrame]:
    if jobs == 1:
        yield from (_curve(simulation, *one) for one in missing)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(_curve, simulation, *one) for one in missing]
        yield from (one.result() for one in as_completed(waiting))


def _curve(simulation: Simulation, strategy: str, seed: int) -> pd.DataFrame:
    data, classes, plan, settings, picker = simulation
    picked_by, _, head = strategy.partition(WITH)
    if head:
        train = settings.train.model_copy(update={"head": head})
        settings = settings.model_copy(update={"train": train})
    if strategy == WHOLE_POOL:
        rows = [whole_pool(data, classes, plan, settings, seed)]
    else:
        pick = picker(picked_by, settings)
        rows = list(learning_curve(data, classes, pick, plan, settings, seed))
    return pd.DataFrame(rows).assign(strategy=strategy, seed=seed)[list(RESULTS)]


def _claim(out: Path, simulation: Simulation) -> None:
    """Note in `out` what its results are of, or refuse where they are of something else."""
    data, classes, plan, settings, _ = simulation
    digest = hashlib.sha256()
    for values in data:
        digest.update(np.ascontiguousarray(values).tobytes())
    params = settings.model_dump(include=set(BLOCKS))
    known = {"classes": classes, "plan": plan._asdict(), "params": params}
    what = {"data": digest.hexdigest(), **known}
    path = out / "simulation.json"
    if not path.is_file():
        write_json(what, path)
    elif read_json(path) != json.loads(json.dumps(what)):
        raise FaceloopError(f"{out} holds another simulation: name another folder with --out")
