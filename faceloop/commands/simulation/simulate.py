"""`faceloop simulate`: learning curves of strategies, answered from labels that exist already."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.randomness import generator
from faceloop.base.storage import write_csv
from faceloop.commands.settings import Settings, read_settings
from faceloop.commands.simulation.known_labels import read_labelled_faces, read_outside_set
from faceloop.commands.simulation.learning_curves import curve_points, paired_differences, summarise
from faceloop.commands.simulation.runs import WITH, Simulation, simulate
from faceloop.commands.simulation.simulated_loop import WHOLE_POOL, Labelled, Plan
from faceloop.sampling.params import DIVERSITY, split_strategy

METRIC = "macro_f1"
BASELINE = "random"
HEADS = ("logistic", "pool")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the data, the strategies, and how many seeds and rounds."""
    add = parser.add_argument
    add("--embeddings", type=Path, metavar="NPZ", help="files, embeddings; else the project's own")
    add("--labels", type=Path, metavar="CSV", help="labels of the NPZ, with a column file")
    add("--target", metavar="COLUMN", help="the CSV's column to learn")
    add("--strategies", nargs="+", help="default: that of params.yaml, article and random")
    add("--heads", nargs="+", choices=HEADS, help="default: that of params.yaml")
    add("--seeds", type=_count, default=5, help="default: %(default)s")
    add("--rounds", type=_count, default=10, help="default: %(default)s")
    add("--round-size", type=_count, help="labels a round; default: as in params.yaml")
    add("--validation", type=int, help="how many of them judge; default: as in params.yaml")
    add("--cold-start", choices=DIVERSITY, default="top", help="of the first round; top: random")
    add("--test-share", type=float, default=0.25, help="default: %(default)s")
    add("--jobs", type=_count, default=1, help="processes (default: %(default)s)")
    add("--out", type=Path, default=Path("simulations"), help="default: %(default)s")


def run(arguments: argparse.Namespace) -> int:
    """Write results, curves, summary and differences as CSV, and the curves as a picture.

    Raises:
        FaceloopError: the data does not fit, a strategy is unknown, or the folder holds the
            results of another simulation.
    """
    settings = read_settings()
    first, *others = dict.fromkeys(arguments.heads or [settings.train.head])
    train = settings.train.model_copy(update={"head": first})
    settings = settings.model_copy(update={"train": train})
    plain = _strategies(arguments.strategies, settings)
    strategies = [*plain, *(f"{name}{WITH}{head}" for head in others for name in plain)]
    data, classes = _read(arguments, settings)
    plan, out = _plan(arguments, settings), arguments.out
    if out.resolve().is_relative_to(Path("data").resolve()):
        raise FaceloopError(f"--out {out}: data/ is DVC's; name a folder outside")
    simulation = Simulation(data, classes, plan, settings)
    report(simulate(simulation, strategies, arguments.seeds, out, arguments.jobs), out)
    return 0


def report(results: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Write the tables and the plot, print the summary, and return it."""
    from faceloop.commands.simulation.learning_curve_plot import draw_curves

    is_whole = results["strategy"] == WHOLE_POOL
    curves, whole = results[~is_whole], results[is_whole]
    targets = {"99_percent": 0.99 * whole[METRIC].mean()}
    if BASELINE in set(curves["strategy"]):
        last = summarise(curves[curves["strategy"] == BASELINE], METRIC, {}, generator(0))
        targets = {"random_last": float(last["last"].iloc[0]), **targets}
    summary = summarise(curves, METRIC, targets, generator(0, "summary"))
    points = curve_points(curves, METRIC, generator(0, "curves"))
    write_csv(summary, out / "summary.csv")
    write_csv(points, out / "curves.csv")
    for baseline in [one for one in (BASELINE, "article") if one in set(curves["strategy"])]:
        differences = paired_differences(curves, METRIC, baseline, generator(0, "differences"))
        write_csv(differences, out / f"against_{baseline}.csv")
        print(f"area less that of {baseline}, seed by seed:\n{_shown(differences)}")
    draw_curves(points, targets, out / "curves.png")
    reached = ", ".join(f"{name} is {score:.4f}" for name, score in targets.items())
    print(f"{METRIC}, and labels to reach a score ({reached}):\n{_shown(summary)}")
    print(f"simulate: {whole[METRIC].mean():.4f} with the whole pool; tables and plot in {out}/")
    return summary


def _shown(table: pd.DataFrame) -> str:
    counted: dict[str, Callable[..., str]] = {
        str(name): "{:.0f}".format for name in table if str(name).startswith("to_")
    }
    return table.to_string(index=False, float_format="{:.4f}".format, formatters=counted)


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _strategies(named: list[str] | None, settings: Settings) -> list[str]:
    strategies = list(dict.fromkeys(named or [settings.strategy, "article", BASELINE]))
    try:
        for name in strategies:
            split_strategy(name)
    except ValueError as error:
        raise FaceloopError(f"--strategies {name}: {error}") from error
    return strategies


def _read(arguments: argparse.Namespace, settings: Settings) -> tuple[Labelled, list[str]]:
    given = [arguments.embeddings, arguments.labels, arguments.target]
    if not any(given):
        return read_labelled_faces(settings)
    if not all(given):
        raise FaceloopError("--embeddings, --labels and --target go together")
    return read_outside_set(arguments.embeddings, arguments.labels, arguments.target)


def _plan(arguments: argparse.Namespace, settings: Settings) -> Plan:
    validation = settings.sample_validation.size
    if arguments.validation is not None:
        validation = arguments.validation
    size = arguments.round_size or validation + settings.sample_diverse.size
    if not 0 <= validation < size:
        raise FaceloopError(f"--validation {validation}: allowed are 0 to {size - 1}")
    if not 0 < arguments.test_share < 1:
        raise FaceloopError(f"--test-share {arguments.test_share}: must lie between 0 and 1")
    cold_start = arguments.cold_start
    return Plan(size, arguments.rounds, validation, arguments.test_share, cold_start)
