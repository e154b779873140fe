"""Folds for cross-validation: whole groups, each class spread as evenly as they allow."""

import numpy as np


def grouped_folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each face, or an empty array where there is too little to hold out.

    The largest groups come first, in a seeded order where they are as large; each goes where its
    classes have the least share of their faces so far, and of such folds into the smallest.

    Args:
        labels: int of shape (n,).
        groups: of shape (n,); a group is never on both sides of a fold.
        folds: how many; fewer where there are fewer groups, or faces of the largest class.
        seed: of the order.

    Returns:
        int of shape (n,), or (0,) where one class or one group alone is there.
    """
    names, group = np.unique(groups, return_inverse=True)
    classes, place = np.unique(labels, return_inverse=True)
    folds = min(folds, len(names), int(np.bincount(place, minlength=1).max()))
    if len(classes) < 2 or folds < 2:
        return np.array([], dtype=int)
    counts = np.zeros((len(names), len(classes)), dtype=int)
    np.add.at(counts, (group, place), 1)
    shares = counts / counts.sum(axis=0)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts.sum(axis=1)[order], kind="stable")]
    held, faces, fold_of = np.zeros((folds, len(classes))), np.zeros(folds), np.zeros(len(names))
    for one in order:
        overlap = (held * counts[one]).sum(axis=1).round(9)  # rounding must not part equal ones
        fold = np.lexsort((faces, overlap))[0]
        fold_of[one] = fold
        held[fold] += shares[one]
        faces[fold] += counts[one].sum()
    return fold_of[group].astype(int)
