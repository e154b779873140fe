"""Strategies against random labels, the article's preset and their peers: `faceloop simulate`.

    python -m benchmarks.strategies --out /tmp/strategies [--only digits ...] [--seeds 20]

Each set has a folder under --out, as `faceloop simulate` writes it; a run that was stopped goes on
where it was. What is missing at ../shared/data is left out, and said.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.known_sets import demo, digits, onet, utkface
from benchmarks.peers import PEERS, SLOW, picker_of
from benchmarks.real_faces import print_table
from benchmarks.scratch import DATA
from faceloop.base.randomness import generator
from faceloop.commands.settings import read_settings
from faceloop.commands.simulation.learning_curves import paired_differences
from faceloop.commands.simulation.runs import Simulation, simulate
from faceloop.commands.simulation.simulate import METRIC, report
from faceloop.commands.simulation.simulated_loop import (
    WHOLE_POOL,
    Labelled,
    Plan,
    learning_curve,
    our_picker,
)

FINALISTS = ("random", "article", "margin/top", "margin/weighted_kmeans")
OTHERS = (
    *("least_confidence/top", "entropy/top", "ratio/top", "power_margin/top"),
    *("entropy/spherical_kmeans", "margin/kmeans", "margin/cluster_margin", "margin/badge"),
    *("margin/k_center", "random/k_center", "random/typical"),
)
FAST_PEERS = tuple(name for name in PEERS if name not in SLOW)
# Badge takes most of the time where a round asks hundreds of faces of thousands.
FASTEST_PEERS = tuple(name for name in FAST_PEERS if name != "scikit-activeml Badge")
RARE = 0.02  # of the smallest class, that the imbalanced set keeps


class Run(NamedTuple):
    """What to simulate: how the data is read, how the rounds go, and who stands beside ours."""

    read: Callable[[], tuple[Labelled, list[str]]]
    plan: Plan
    others: tuple[str, ...]


def runs(out: Path) -> dict[str, Run]:
    """Return all sets by name; the plans are round_size, rounds, validation, test_share."""
    cache = out / "onet.npz"
    return {
        "race": Run(lambda: utkface("race"), Plan(300, 14, 0, 0.25), FASTEST_PEERS),
        "race-loop": Run(lambda: utkface("race"), Plan(300, 14, 60, 0.25), ()),
        "gender": Run(lambda: utkface("gender"), Plan(100, 8, 0, 0.25), FAST_PEERS),
        "rare": Run(lambda: utkface("race", RARE), Plan(200, 8, 0, 0.25), FASTEST_PEERS),
        "onet-race": Run(lambda: onet("race", cache), Plan(200, 8, 0, 0.25), FASTEST_PEERS),
        "onet-gender": Run(lambda: onet("gender", cache), Plan(100, 8, 0, 0.25), FAST_PEERS),
        "digits": Run(digits, Plan(30, 15, 0, 0.25), (*OTHERS, *PEERS)),
        "demo": Run(demo, Plan(30, 12, 0, 0.25), tuple(PEERS)),
    }


def overview(results: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return what `report` wrote as the one table that benchmarks/results/strategies.md shows."""
    summary = pd.read_csv(folder / "summary.csv").set_index("strategy")
    pool = results.loc[results["strategy"] == WHOLE_POOL, "labels"].mean()
    spent = results.loc[results["strategy"] == "random", "labels"].max()
    table = pd.DataFrame({"seeds": summary["seeds"], "area": summary["area"].map("{:.4f}".format)})
    reached, near = summary["to_random_last"], summary["to_99_percent"]
    table["labels to random's last (saved)"] = [_reached(one, 1 - one / spent) for one in reached]
    table["labels to 99 % of the whole pool's (of it)"] = [
        _reached(one, one / pool) for one in near
    ]
    for baseline in ("random", "article"):
        found = pd.read_csv(folder / f"against_{baseline}.csv").set_index("strategy")
        table[f"against {baseline}"] = pd.Series(
            [
                f"{row.difference:+.4f} [{row.difference_low:+.4f}, {row.difference_high:+.4f}], "
                f"{row.wins} of {row.seeds}, p {row.p_holm:.2g}"
                for row in found.itertuples()
            ],
            found.index,
        )
    return table.sort_values("area", ascending=False).reset_index()


def peers_less(default: str, results: pd.DataFrame) -> pd.DataFrame:
    """Return each peer's area less the default's, seed by seed, the best first."""
    ours = results[results["strategy"].isin([default, *PEERS])]
    found = paired_differences(ours, METRIC, default, generator(0, "peers"))
    return pd.DataFrame(
        [
            {
                "peer": row.strategy,
                "seeds": row.seeds,
                f"area less that of {default}": f"{row.difference:+.4f} "
                f"[{row.difference_low:+.4f}, {row.difference_high:+.4f}]",
                "seeds won": row.wins,
                "p (Holm)": f"{row.p_holm:.2g}",
            }
            for row in found.sort_values("difference", ascending=False).itertuples()
        ]
    )


def _reached(labels: float, share: float) -> str:
    return f"{labels:.0f} ({share:.0%})" if np.isfinite(labels) else "–"


COLD_STARTS = ("top", "kmeans", "weighted_kmeans", "k_center", "typical")


def cold_starts(run: Run, seeds: int) -> pd.DataFrame:
    """Return macro-F1 after each of five rounds of 60 labels, by what picked the first of them.

    The later rounds go by the shipped strategy, whatever the first was picked by.
    """
    data, classes = run.read()
    settings = read_settings()
    pick = our_picker(settings.strategy, settings)
    rows = []
    for seed in tqdm(range(seeds), "cold start", disable=None):
        for name in COLD_STARTS:
            plan = Plan(60, 5, 0, run.plan.test_share, name)
            for row in learning_curve(data, classes, pick, plan, settings, seed):
                rows.append({**row, "strategy": name, "seed": seed})
    return pd.DataFrame(rows)


def _table(
    simulation: Simulation,
    names: Sequence[str],
    seeds: int,
    folder: Path,
    jobs: int,
    out: Path | None = None,
) -> None:
    results = simulate(simulation, names, seeds, folder, jobs)
    report(results, out or folder)
    print_table(overview(results, out or folder))
    if not set(PEERS).isdisjoint(names):
        print_table(peers_less(simulation.settings.strategy, results))


def main(words: Sequence[str] | None = None) -> int:
    """Run the chosen sets, the finalists first; return 0 when done, 2 where a set is not here."""
    parser = argparse.ArgumentParser("benchmarks.strategies", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=runs(Path()), default=list(runs(Path())))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--class-weight", choices=["none", "balanced"], help="else params.yaml's")
    parser.add_argument("--cold-starts", action="store_true", help="these, and nothing else")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args(words)
    if not DATA.is_dir():
        print(f"error: the real faces are not here: {DATA} is missing", file=sys.stderr)
        return 2
    out, settings = arguments.out.resolve(), read_settings()
    if arguments.class_weight:
        weighted = {"head": "logistic", "class_weight": arguments.class_weight}
        train = settings.train.model_copy(update=weighted)
        settings = settings.model_copy(update={"train": train})
    for name in arguments.only:
        print(f"\n## {name}\n", flush=True)
        run = runs(out)[name]
        if arguments.cold_starts:
            rows = cold_starts(run, arguments.seeds)
            print(rows.pivot_table(index="labels", columns="strategy", values=METRIC).round(4))
            table = paired_differences(rows, METRIC, "top", generator(0, "cold start"))
            print(table.round(4).to_string(index=False), flush=True)
            continue
        data, classes = run.read()
        simulation = Simulation(data, classes, run.plan, settings, picker_of)
        folder, jobs = out / name, arguments.jobs
        _table(simulation, FINALISTS, arguments.seeds, folder, jobs)
        if run.others:
            _table(
                simulation,
                (*FINALISTS, *run.others),
                arguments.seeds,
                folder,
                jobs,
                folder / "others",
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
