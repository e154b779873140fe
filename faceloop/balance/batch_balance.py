"""Balance of a batch: whom it shows, estimated before anyone labels it, against what was wanted."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from faceloop.balance.class_shares import (
    RandomLabels,
    Said,
    estimate_shares,
    totals,
    with_intervals,
)
from faceloop.balance.coverage import nearest_distance, typical_distance
from faceloop.balance.params import Balance
from faceloop.balance.targets import CLASS, against_targets, in_words, verdict_of
from faceloop.model.head import class_codes, p_columns


class BatchFaces(NamedTuple):
    """A batch's distinct faces that have a class, or may get one.

    faces: columns group, label ("" where there is none yet) and the user's own.
    looked_at: positions of the unlabelled faces, or of a random part of them.
    features: float32 of shape (n_looked_at, d), of length 1.
    p: (n_looked_at, C), the model's probabilities.
    """

    faces: pd.DataFrame
    looked_at: np.ndarray
    features: np.ndarray
    p: np.ndarray


def drawn_at_random(
    labelled: pd.DataFrame, classes: Sequence[str], rejected: Collection[str]
) -> pd.DataFrame:
    """Return the labelled faces that chance had asked about, of rounds that were not rejected."""
    return labelled[
        labelled["inclusion_probability"].notna()
        & labelled["label"].isin(list(classes))
        & ~labelled["round"].isin(list(rejected))
    ]


def unseen_probabilities(
    random: pd.DataFrame, p: np.ndarray, out_of_fold: pd.DataFrame, classes: Sequence[str]
) -> RandomLabels:
    """Return random labels beside probabilities of models that did not train on these faces.

    Args:
        random: columns of LABELLED.
        p: (n, C), of the candidate; for faces that it was trained on, the out-of-fold row stands
            instead, and one without such a row is left out.
        out_of_fold: columns batch, face_id and p_columns.
        classes: the C classes.
    """
    face = ["batch", "face_id"]
    held_out = random[face].merge(out_of_fold, on=face, how="left")[p_columns(classes)].to_numpy()
    trained = (random["split"] == "train").to_numpy()
    p = np.where(trained[:, None], held_out, p)
    known = ~np.isnan(p).any(axis=1)
    labels = class_codes(random["label"], classes)
    weights = chance_weights(random).to_numpy(dtype=float)
    groups = random["group"].to_numpy()
    return RandomLabels(p[known], labels[known], groups[known], weights[known])


def chance_weights(random: pd.DataFrame) -> pd.Series:
    """Return 1 / inclusion probability of each face, scaled to mean 1 in each round."""
    weights = 1 / random["inclusion_probability"]
    return weights / weights.groupby(random["round"]).transform("mean")


def class_shares(
    batch: BatchFaces,
    by_chance: RandomLabels,
    cells: Sequence[np.ndarray],
    classes: Sequence[str],
    wanted: Balance,
    rng: np.random.Generator,
) -> list[tuple[dict[str, Any], dict[str, Any]] | None]:
    """Return, for each cell of a batch, class shares of its unlabelled faces and of all of it.

    What is labelled is counted; only the rest is estimated.

    Args:
        batch: its faces.
        by_chance: randomly drawn labels, of any batch.
        cells: masks over batch.faces.
        classes: the C classes.
        wanted: method, bootstrap, confidence; a cell where fewer than min_cell unlabelled faces
            were looked at gives None.
        rng: of the bootstrap.
    """
    groups, labels = batch.faces["group"].to_numpy(), batch.faces["label"].to_numpy()
    inside = [cell[batch.looked_at] for cell in cells]
    enough = [rows.sum() >= wanted.min_cell for rows in inside]
    sets = [
        Said(batch.p[rows], groups[batch.looked_at[rows]], np.ones(rows.sum()))
        for rows, is_enough in zip(inside, enough, strict=True)
        if is_enough
    ]
    shares = estimate_shares(wanted.method, by_chance, sets, wanted.bootstrap, rng)
    estimates = zip(sets, shares, strict=True)
    found: list[tuple[dict[str, Any], dict[str, Any]] | None] = []
    for cell, is_enough in zip(cells, enough, strict=True):
        if not is_enough:
            found.append(None)
            continue
        said, draws = next(estimates)
        n_groups = len(np.unique(said.groups))
        of_pool = with_intervals(draws, classes, n_groups, wanted.confidence)
        n, unlabelled = cell.sum(), (labels[cell] == "").sum()
        of_all = {
            name: {
                end: float(((labels[cell] == name).sum() + unlabelled * share) / n)
                for end, share in one.items()
            }
            for name, one in of_pool.items()
        }
        found.append((of_pool, of_all))
    return found


def cells_of(values: pd.Series, least: int) -> dict[str, np.ndarray]:
    """Return the mask of each value of a column, save values of fewer than `least` faces."""
    counts = values[values != ""].value_counts()
    return {name: (values == name).to_numpy() for name in sorted(counts[counts >= least].index)}


def coverage(
    batch: BatchFaces, labelled: np.ndarray, wanted: Balance, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Return the share of the unlabelled faces that is far from every labelled one.

    Far is further than the typical distance of two faces of one cluster.

    Args:
        batch: its faces.
        labelled: float32 of shape (m, d), all labelled faces of all batches.
        wanted: clusters, bootstrap and confidence.
        rng: of the clusters and the bootstrap.

    Returns:
        distance (cosine) and far; None where nothing is labelled or nothing is left.
    """
    if len(labelled) == 0 or len(batch.looked_at) == 0:
        return None
    limit = typical_distance(batch.features, wanted.clusters, rng)
    far = nearest_distance(batch.features, labelled) > limit
    groups = batch.faces["group"].to_numpy()[batch.looked_at]
    far, of = totals(np.column_stack([far, np.ones(len(far))]), groups, wanted.bootstrap, rng).T
    # All these faces were measured, not sampled: no rule of three.
    shares = with_intervals((far / of)[:, None], ["far"], math.inf, wanted.confidence)
    return {"distance": limit, "far": shares["far"]}


def balance_of(
    batch: BatchFaces,
    by_chance: RandomLabels,
    labelled: np.ndarray,
    columns: Sequence[str],
    classes: Sequence[str],
    wanted: Balance,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the balance report of a batch.

    Args:
        batch: its faces.
        by_chance: randomly drawn labels, of any batch.
        labelled: (m, d), embeddings of all labelled faces.
        columns: the user's columns in batch.faces.
        classes: the C classes.
        wanted: targets and limits.
        rng: of clusters and bootstrap.

    Returns:
        pool, batch: class shares, or None where `reason` says why; columns, coverage, targets,
        verdict; reasons: in words.
    """
    n, reason = len(batch.faces), None
    if len(by_chance.labels) < wanted.min_random:
        reason = f"{len(by_chance.labels)} randomly drawn labels, {wanted.min_random} are needed"
    elif len(batch.looked_at) < wanted.min_cell:
        reason = f"{len(batch.looked_at)} faces left unlabelled, {wanted.min_cell} are needed"
    values = {column: cells_of(batch.faces[column], wanted.min_cell) for column in columns}
    cells = [np.ones(n, dtype=bool), *(cell for by in values.values() for cell in by.values())]
    unknown = [None] * len(cells)
    whole, *rest = (
        class_shares(batch, by_chance, cells, classes, wanted, rng) if reason is None else unknown
    )
    about = columns_figures(batch, values, rest)
    shares = {CLASS: None if whole is None else whole[1], **counted_shares(about)}
    targets = against_targets(shares, wanted.min_cell / max(n, 1), wanted.targets, wanted.tolerance)
    figures = {
        "reason": reason,
        "random_labels": len(by_chance.labels),
        "pool": None if whole is None else whole[0],
        "batch": None if whole is None else whole[1],
        "columns": about,
        "coverage": coverage(batch, labelled, wanted, rng),
        "targets": targets,
        "verdict": verdict_of(targets),
    }
    return figures | {"reasons": in_words(figures)}


def columns_figures(
    batch: BatchFaces,
    values: Mapping[str, Mapping[str, np.ndarray]],
    shares: Sequence[tuple[dict[str, Any], dict[str, Any]] | None],
) -> dict[str, Any]:
    """Return, by column, its values' faces, share and class shares, and what is not shown.

    Args:
        batch: its faces.
        values: the masks of the values that are shown, by column.
        shares: of `class_shares`, for these masks in their order.
    """
    inner, about = iter(shares), {}
    for column, cells in values.items():
        known = batch.faces.loc[batch.faces[column] != "", column]
        about[column] = {
            "values": {
                name: {
                    "faces": int(cell.sum()),
                    "share": float(cell.mean()),
                    CLASS: None if (one := next(inner)) is None else one[1],
                }
                for name, cell in cells.items()
            },
            "withheld": int(known.nunique()) - len(cells),
            "unknown": len(batch.faces) - len(known),
        }
    return about


def counted_shares(columns: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return each value's share by column: counted, so that its interval has no width."""
    return {
        column: {
            name: dict.fromkeys(("value", "low", "high"), one["share"])
            for name, one in figures["values"].items()
        }
        for column, figures in columns.items()
    }
