"""What learning curves say: area, labels to reach a score, paired differences between strategies.

A table of results has a row a strategy, seed and round: strategy, seed, labels, and the metric.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

DRAWS = 2000  # of seeds, for the intervals
TAIL = 0.025  # on either side


def wide(results: pd.DataFrame, strategy: str, metric: str) -> pd.DataFrame:
    """Return a strategy's curves: a row a seed, a column a number of labels; uneven ends cut."""
    rows = results[results["strategy"] == strategy]
    return rows.pivot(index="seed", columns="labels", values=metric).dropna(axis=1)


def area(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the area under curves (..., k) over k numbers of labels, as a mean height."""
    if len(labels) == 1:
        return scores[..., 0]
    return np.trapezoid(scores, labels, axis=-1) / (labels[-1] - labels[0])


def labels_to_reach(labels: np.ndarray, scores: np.ndarray, target: float) -> float:
    """Return where a curve first meets `target`, by linear interpolation; inf where it does not."""
    above = np.flatnonzero(scores >= target)
    if len(above) == 0:
        return float("inf")
    at = int(above[0])
    if at == 0:
        return float(labels[0])
    share = (target - scores[at - 1]) / (scores[at] - scores[at - 1])
    return float(labels[at - 1] + share * (labels[at] - labels[at - 1]))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected for as many tests (Holm 1979); NaN stays and does not count."""
    corrected = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = len(tested) - np.arange(len(tested))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return corrected


def curve_points(results: pd.DataFrame, metric: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return each strategy's mean curve with its interval by a bootstrap over seeds.

    Columns: strategy, labels, seeds, mean, low, high.
    """
    rows = []
    for strategy in results["strategy"].unique():
        curves = wide(results, strategy, metric)
        low, high = _interval(_redrawn_means(curves.to_numpy(), rng))
        for place, (labels, scores) in enumerate(curves.items()):
            found = (len(curves), scores.mean(), low[place], high[place])
            rows.append((strategy, labels, *found))
    return pd.DataFrame(rows, columns=["strategy", "labels", "seeds", "mean", "low", "high"])


def summarise(
    results: pd.DataFrame, metric: str, targets: dict[str, float], rng: np.random.Generator
) -> pd.DataFrame:
    """Return a row a strategy: area, last score, and the labels to reach each target.

    Args:
        results: strategy, seed, labels and `metric`.
        metric: its column.
        targets: score by name; a mean curve's first crossing counts.
        rng: of the bootstrap over seeds.

    Returns:
        strategy, seeds, area with _low and _high, last, and to_<name> with _low and _high; a
        target that is not reached is inf.
    """
    rows = []
    for strategy in results["strategy"].unique():
        curves = wide(results, strategy, metric)
        labels, scores = curves.columns.to_numpy(dtype=float), curves.to_numpy()
        drawn = _redrawn_means(scores, rng)
        mean = scores.mean(axis=0)
        row: dict[str, Any] = {"strategy": strategy, "seeds": len(curves), "last": mean[-1]}
        row |= _with_interval("area", area(labels, mean), area(labels, drawn))
        for name, target in targets.items():
            reached = np.array([labels_to_reach(labels, one, target) for one in drawn])
            value = labels_to_reach(labels, mean, target)
            row |= _with_interval(f"to_{name}", value, reached)
        rows.append(row)
    return pd.DataFrame(rows)


def paired_differences(
    results: pd.DataFrame, metric: str, baseline: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Return each other strategy's area less the baseline's, seed by seed, with its Wilcoxon test.

    Returns:
        strategy, baseline, seeds, difference with _low and _high (bootstrap over seeds), wins
        (seeds in which it is above), p (two-sided signed-rank), p_holm (over the strategies).
    """
    base = _areas(results, baseline, metric)
    rows = []
    for strategy in results["strategy"].unique():
        if strategy == baseline:
            continue
        gaps = (_areas(results, strategy, metric) - base).dropna().to_numpy()
        p = wilcoxon(gaps).pvalue if gaps.any() else np.nan
        row: dict[str, Any] = {"strategy": strategy, "baseline": baseline, "seeds": len(gaps)}
        if len(gaps):
            row |= _with_interval("difference", gaps.mean(), _redrawn_means(gaps, rng))
        rows.append({**row, "wins": int((gaps > 0).sum()), "p": p})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p"].to_numpy())) if rows else table


def _areas(results: pd.DataFrame, strategy: str, metric: str) -> pd.Series:
    curves = wide(results, strategy, metric)
    labels = curves.columns.to_numpy(dtype=float)
    return pd.Series(area(labels, curves.to_numpy()), curves.index)


def _redrawn_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return means over the first axis of as many rows, drawn with replacement DRAWS times."""
    n = len(values)
    return rng.multinomial(n, np.full(n, 1 / n), size=DRAWS) @ values / n


def _interval(draws: np.ndarray) -> Sequence[Any]:
    # Order statistics, for a target that is not reached in some draws is infinite there.
    return np.quantile(draws, [TAIL, 1 - TAIL], axis=0, method="nearest")


def _with_interval(name: str, value: Any, draws: np.ndarray) -> dict[str, float]:
    low, high = _interval(draws)
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
