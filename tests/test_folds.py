"""Folds for cross-validation."""

import numpy as np
import pandas as pd
import pytest

from faceloop.model.folds import grouped_folds


def data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """120 labels of three classes of very different size, three faces a group."""
    labels = np.random.default_rng(seed).choice(3, size=120, p=[0.7, 0.2, 0.1])
    return labels, np.array([f"g{at // 3}" for at in range(120)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_folds_never_split_a_group(seed: int) -> None:
    labels, groups = data(seed)
    fold_of = pd.DataFrame({"fold": grouped_folds(labels, groups, 5, seed), "group": groups})
    assert fold_of["fold"].nunique() == 5
    assert (fold_of.groupby("group")["fold"].nunique() == 1).all()


def test_groups_of_one_are_spread_by_class() -> None:
    labels, _ = data(0)
    fold_of = grouped_folds(labels, np.arange(120).astype(str), 5, 0)
    held_out = pd.crosstab(labels, fold_of)
    assert (held_out.max(axis=1) - held_out.min(axis=1) <= 1).all()


def test_too_few_groups_or_classes_make_nogrouped_folds() -> None:
    assert len(grouped_folds(np.array([0, 1, 0]), np.array(["g", "g", "g"]), 5, 0)) == 0
    assert len(grouped_folds(np.array([1, 1, 1]), np.array(["g", "h", "i"]), 5, 0)) == 0
    assert len(grouped_folds(np.array([], int), np.array([], str), 5, 0)) == 0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_classes_are_spread_about_as_evenly_as_groups_allow(seed: int) -> None:
    labels, groups = data(seed)
    held_out = pd.crosstab(labels, grouped_folds(labels, groups, 5, seed))
    assert (held_out.max(axis=1) - held_out.min(axis=1) <= 4).all()
    assert held_out.sum().max() - held_out.sum().min() <= 6


@pytest.mark.parametrize("seed", range(6))
def test_each_group_goes_where_its_classes_are_rarest_in_a_plain_loop(seed: int) -> None:
    """Groups of 1 to 5 faces, the largest first; the smallest fold of those that are as good."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(14), rng.integers(1, 6, 14))
    labels = rng.choice(3, size=len(groups), p=[0.6, 0.3, 0.1])
    totals = np.bincount(labels, minlength=3)
    chance = np.random.default_rng(seed).permutation(14).tolist()
    order = sorted(chance, key=lambda group: -(groups == group).sum())
    fold_of: dict[int, int] = {}
    for group in order:
        mine = labels[groups == group]
        held = [labels[[fold_of.get(one) == fold for one in groups]] for fold in range(4)]
        overlap = [
            sum((inside == label).sum() / totals[label] for label in mine) for inside in held
        ]
        fold_of[group] = min(
            range(4), key=lambda fold: (round(overlap[fold], 9), len(held[fold]), fold)
        )
    expected = [fold_of[group] for group in groups]
    assert grouped_folds(labels, groups, 4, seed).tolist() == expected


@pytest.mark.parametrize(("n", "folds"), [(1, 0), (2, 0), (3, 2), (4, 3), (9, 5)])
def test_there_are_no_more_folds_than_faces_of_the_largest_class(n: int, folds: int) -> None:
    labels = np.array([0] * (n - 1) + [1])  # one of the second class, if there are two
    assert len(set(grouped_folds(labels, np.arange(n), 5, 0))) == folds


def test_a_seed_gives_the_same_folds_and_another_seed_others() -> None:
    labels, groups = data(0)
    first = grouped_folds(labels, groups, 5, 1)
    assert (first == grouped_folds(labels, groups, 5, 1)).all()
    assert (first != grouped_folds(labels, groups, 5, 2)).any()


def test_a_class_of_one_face_is_held_out_once() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 2])
    fold_of = grouped_folds(labels, np.arange(7), 3, 0)
    assert sorted(np.bincount(fold_of)) == [2, 2, 3]
