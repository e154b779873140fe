"""The picture of learning curves."""

from itertools import cycle
from pathlib import Path

import matplotlib
import pandas as pd

from faceloop.base.atomic import replacing


def draw_curves(points: pd.DataFrame, targets: dict[str, float], path: Path) -> None:
    """Draw mean curves with their intervals, and a line at each target, as PNG.

    Args:
        points: strategy, labels, mean, low, high.
        targets: score by name.
        path: of the PNG.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for strategy, rows in points.groupby("strategy", sort=False):
        (line,) = axes.plot(rows["labels"], rows["mean"], marker=".", label=strategy)
        axes.fill_between(
            rows["labels"], rows["low"], rows["high"], color=line.get_color(), alpha=0.15, lw=0
        )
    ends = cycle([(points["labels"].max(), "right"), (points["labels"].min(), "left")])
    for (name, score), (x, side) in zip(targets.items(), ends, strict=False):
        axes.axhline(score, color="grey", lw=0.8, ls="--")
        text = name.replace("_", " ")
        axes.annotate(text, (x, score), ha=side, va="bottom", fontsize="small")
    axes.set(xlabel="labels paid for", ylabel="macro-F1 on the test set")
    axes.legend(fontsize="small")
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=80, metadata={"Software": None})
    pyplot.close(figure)
