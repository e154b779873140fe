"""Charts as SVG, as bytes that are the same whenever the figures are."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from faceloop.commands.report.curve import Point

matplotlib.rcParams.update({"svg.hashsalt": "faceloop", "svg.fonttype": "none", "font.size": 9})
BLUE, GREY = "#1f5fbf", "#8a8a8a"


def curve_chart(points: Sequence[Point], metric: str, target: float) -> str:
    """Draw the learning curve with its intervals, and the target."""
    figure, axes = blank("labels (votes)", metric)
    labels, values = [point.labels for point in points], [point.value for point in points]
    below = [point.value - point.low for point in points]
    above = [point.high - point.value for point in points]
    axes.errorbar(labels, values, [below, above], marker="o", color=BLUE, capsize=3)
    for point in points:
        offset = {"xytext": (5, -12), "textcoords": "offset points", "color": GREY}
        axes.annotate(point.round, (point.labels, point.value), **offset)
    axes.axhline(target, color=GREY, linestyle="--", label=f"target {target:g}")
    axes.legend(loc="lower right", frameon=False)
    return svg(figure)


def reliability_chart(points: pd.DataFrame) -> str:
    """Draw accuracy against confidence; a calibrated model lies on the diagonal."""
    figure, axes = blank("confidence", "accuracy", 3.4)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--")
    sizes = 8 + 120 * points["faces"] / points["faces"].sum()
    axes.scatter(points["confidence"], points["accuracy"], sizes, color=BLUE)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    return svg(figure)


def blank(across: str, up: str, width: float = 6) -> tuple[Figure, Any]:
    """Return an empty chart with named axes, `width` inches wide."""
    figure = Figure(figsize=(width, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=across, ylabel=up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def svg(figure: Figure) -> str:
    """Return a figure as SVG text."""
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue().decode()
