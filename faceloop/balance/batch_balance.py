"""Balance of a batch: whom it shows, estimated before anyone labels it, against what was wanted."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.balance.balance_figures import (
    CLASS,
    BalanceFigures,
    BatchFigures,
    ColumnFigures,
    Coverage,
    Shares,
    ValueFigures,
)
from faceloop.balance.batch_faces import BatchFaces
from faceloop.balance.class_shares import (
    RandomLabels,
    Unlabelled,
    estimate_shares,
    share_estimates,
    totals,
)
from faceloop.balance.coverage import nearest_distance, typical_distance
from faceloop.balance.params import Wanted
from faceloop.balance.targets import against_targets, balance_in_words, verdict_of
from faceloop.statistics.estimates import Estimate, exactly
from faceloop.statistics.params import Intervals

MIN_RANDOM = 30  # random labels; of fewer, mistakes are too little known to correct for
CLUSTERS = 12  # of k-means, whose inner distances say what is near
PLOTTED = ["class", "share", "low", "high", "target"]


class CellShares(NamedTuple):
    """Class shares of a cell's unlabelled faces, and of all of it."""

    pool: Shares
    batch: Shares


def cell_shares(
    batch: BatchFaces,
    by_chance: RandomLabels,
    cells: Sequence[np.ndarray],
    classes: Sequence[str],
    min_cell: int,
    intervals: Intervals,
    rng: np.random.Generator,
) -> list[CellShares | None]:
    """Return the class shares in each cell of a batch.

    What is labelled is counted; only the rest is estimated.

    Args:
        batch: its faces.
        by_chance: randomly drawn labels, of any batch.
        cells: masks over batch.faces.
        classes: the C classes.
        min_cell: a cell where fewer unlabelled faces were looked at gives None.
        intervals: bootstrap and confidence.
        rng: of the bootstrap.
    """
    groups, labels = batch.faces["group"].to_numpy(), batch.faces["label"].to_numpy()
    inside = [cell[batch.looked_at] for cell in cells]
    enough = [rows.sum() >= min_cell for rows in inside]
    sets = [
        Unlabelled(batch.p[rows], groups[batch.looked_at[rows]], np.ones(rows.sum()))
        for rows, is_enough in zip(inside, enough, strict=True)
        if is_enough
    ]
    shares = estimate_shares(by_chance, sets, intervals.bootstrap, rng)
    estimates = zip(sets, shares, strict=True)
    found: list[CellShares | None] = []
    for cell, is_enough in zip(cells, enough, strict=True):
        if not is_enough:
            found.append(None)
            continue
        seen, draws = next(estimates)
        n_groups = len(np.unique(seen.groups))
        of_pool = share_estimates(draws, classes, n_groups, intervals.confidence)
        found.append(CellShares(of_pool, _with_labelled(of_pool, labels[cell])))
    return found


def _with_labelled(of_unlabelled: Shares, labels: np.ndarray) -> Shares:
    """Return the class shares of all faces; labels are "" where there is none."""
    n, unlabelled, found = len(labels), (labels == "").sum(), {}
    for name, one in of_unlabelled.items():
        known = (labels == name).sum()
        value, low, high = (
            float((known + unlabelled * share) / n) for share in (one.value, one.low, one.high)
        )
        found[name] = Estimate(value=value, low=low, high=high)
    return found


def cells_of(values: pd.Series, least: int) -> dict[str, np.ndarray]:
    """Return the mask of each value of a column, save values of fewer than `least` faces."""
    counts = values[values != ""].value_counts()
    return {name: (values == name).to_numpy() for name in sorted(counts[counts >= least].index)}


def coverage(
    batch: BatchFaces, labelled: np.ndarray, intervals: Intervals, rng: np.random.Generator
) -> Coverage | None:
    """Return the share of the unlabelled faces that is far from every labelled one.

    Far is further than the typical distance of two faces of one cluster.

    Args:
        batch: its faces.
        labelled: float32 of shape (m, d), all labelled faces of all batches.
        intervals: bootstrap and confidence.
        rng: of the clusters and the bootstrap.

    Returns:
        None where nothing is labelled or nothing is left.
    """
    if len(labelled) == 0 or len(batch.looked_at) == 0:
        return None
    limit = typical_distance(batch.features, CLUSTERS, rng)
    far = nearest_distance(batch.features, labelled) > limit
    groups = batch.faces["group"].to_numpy()[batch.looked_at]
    far, of = totals(np.column_stack([far, np.ones(len(far))]), groups, intervals.bootstrap, rng).T
    # All these faces were measured, not sampled: no rule of three.
    shares = share_estimates((far / of)[:, None], ["far"], math.inf, intervals.confidence)
    return Coverage(distance=limit, far=shares["far"])


def balance_of(
    about: BatchFigures,
    batch: BatchFaces,
    by_chance: RandomLabels,
    labelled: np.ndarray,
    columns: Sequence[str],
    classes: Sequence[str],
    wanted: Wanted,
    intervals: Intervals,
    rng: np.random.Generator,
) -> BalanceFigures:
    """Return the balance report of a batch.

    Args:
        about: which batch it is.
        batch: its faces.
        by_chance: randomly drawn labels, of any batch.
        labelled: (m, d), embeddings of all labelled faces.
        columns: the user's columns in batch.faces.
        classes: the C classes.
        wanted: targets and limits.
        intervals: bootstrap and confidence.
        rng: of clusters and bootstrap.
    """
    n, reason = len(batch.faces), None
    if len(by_chance.labels) < MIN_RANDOM:
        reason = f"{len(by_chance.labels)} randomly drawn labels, {MIN_RANDOM} are needed"
    elif len(batch.looked_at) < wanted.min_cell:
        reason = f"{len(batch.looked_at)} faces left unlabelled, {wanted.min_cell} are needed"
    values = {column: cells_of(batch.faces[column], wanted.min_cell) for column in columns}
    cells = [np.ones(n, dtype=bool), *(cell for by in values.values() for cell in by.values())]
    unknown = [None] * len(cells)
    whole, *rest = (
        cell_shares(batch, by_chance, cells, classes, wanted.min_cell, intervals, rng)
        if reason is None
        else unknown
    )
    by_column = columns_figures(batch, values, rest)
    shares = {CLASS: None if whole is None else whole.batch, **counted_shares(by_column)}
    targets = against_targets(shares, wanted.min_cell / max(n, 1), wanted.targets, wanted.tolerance)
    covered = coverage(batch, labelled, intervals, rng)
    return BalanceFigures(
        **dict(about),
        reason=reason,
        random_labels=len(by_chance.labels),
        pool=None if whole is None else whole.pool,
        batch=shares[CLASS],
        columns=by_column,
        coverage=covered,
        targets=targets,
        verdict=verdict_of(targets),
        reasons=balance_in_words(targets, shares[CLASS], reason, covered),
    )


def columns_figures(
    batch: BatchFaces,
    values: Mapping[str, Mapping[str, np.ndarray]],
    shares: Sequence[CellShares | None],
) -> dict[str, ColumnFigures]:
    """Return, by column, its values' faces, share and class shares, and what is not shown.

    Args:
        batch: its faces.
        values: the masks of the values that are shown, by column.
        shares: of `cell_shares`, for these masks in their order.
    """
    inner, found = iter(shares), {}
    for column, cells in values.items():
        known = batch.faces.loc[batch.faces[column] != "", column]
        found[column] = ColumnFigures(
            values={name: _value_figures(cell, next(inner)) for name, cell in cells.items()},
            withheld=int(known.nunique()) - len(cells),
            unknown=len(batch.faces) - len(known),
        )
    return found


def _value_figures(cell: np.ndarray, shares: CellShares | None) -> ValueFigures:
    classes = None if shares is None else shares.batch
    return ValueFigures(faces=int(cell.sum()), share=float(cell.mean()), **{CLASS: classes})


def counted_shares(columns: Mapping[str, ColumnFigures]) -> dict[str, Shares]:
    """Return each value's share by column: counted, so that its interval has no width."""
    return {
        column: {name: exactly(one.share) for name, one in figures.values.items()}
        for column, figures in columns.items()
    }


def class_points(found: BalanceFigures, wanted: Wanted) -> pd.DataFrame:
    """Return the points of the plot: a row a class, with its share and its target, if any."""
    targets = wanted.targets.get(CLASS, {})
    rows = [
        (name, share.value, share.low, share.high, targets.get(name))
        for name, share in (found.batch or {}).items()
    ]
    return pd.DataFrame(rows, columns=PLOTTED)
