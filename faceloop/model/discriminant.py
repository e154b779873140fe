"""Linear discriminant analysis whose covariance is shrunk: good with fewer labels than features.

Friedman 1989, Regularized Discriminant Analysis. The few labels tell the classes' means; how faces
spread about them is told by the labels too, and by what it is shrunk towards.
"""

import numpy as np

from faceloop.base.tables import Rows

SHRINKAGES = (0.05, 0.1, 0.2, 0.4, 0.7, 0.95)
THINNED = 20_000  # faces: so many tell a covariance of some hundred features well enough


def discriminant(
    x: np.ndarray, labels: np.ndarray, n_classes: int, shrinkage: float, towards: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return weight (d, C) and bias (C,) of a discriminant's logits.

    Each class has one pseudo-face more, at the mean of all: a class without an example lies there.

    Args:
        x: float64 of shape (n, d).
        labels: int of shape (n,).
        n_classes: C.
        shrinkage: in [0, 1]: how much of the covariance is that of `towards`.
        towards: a covariance of shape (d, d); None: as much in all directions.
    """
    counts = np.bincount(labels, minlength=n_classes) + 1
    sums = np.zeros((n_classes, x.shape[1]))
    np.add.at(sums, labels, x)
    means = (sums + x.mean(axis=0)) / counts[:, None]
    about = x - means[labels]
    within = about.T @ about / max(len(x) - n_classes, 1)
    evenly = np.eye(x.shape[1]) * np.trace(within) / x.shape[1]
    covariance = (1 - shrinkage) * within + shrinkage * (evenly if towards is None else towards)
    covariance += 1e-9 * np.eye(len(within)) * max(np.trace(covariance) / len(within), 1e-9)
    weight = np.linalg.solve(covariance, means.T)
    return weight, np.log(counts / counts.sum()) - (means.T * weight).sum(axis=0) / 2


def covariance_of(rows: Rows) -> np.ndarray:
    """Return the covariance (d, d) of rows (n, d), or of THINNED spread evenly over them."""
    some = np.unique(np.linspace(0, max(len(rows) - 1, 0), THINNED).astype(np.int64))
    x = np.asarray(rows[some[: len(rows)]]).astype(np.float64)
    x -= x.mean(axis=0) if len(x) else 0
    return x.T @ x / max(len(x), 1)
