"""UTKFace's shared embeddings as arrays."""

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.scratch import DATA

UTKFACE = DATA / "utkface"


class Embedded(NamedTuple):
    """Embeddings (n, d), labels (n,) as indices into the classes, and the classes."""

    features: np.ndarray
    labels: np.ndarray
    classes: list[str]


def read_embedded(column: str) -> Embedded:
    """Return all faces of UTKFace, with `race` or `gender` as its authors coded it.

    Raises:
        SystemExit: the data is not here.
    """
    if not UTKFACE.is_dir():
        sys.exit(f"error: the real faces are not here: {UTKFACE} is missing")
    with np.load(UTKFACE / "embeddings_0095.npz") as file:
        features = file["embeddings"].astype(np.float32)
    names = pd.read_csv(UTKFACE / "labels.csv")[column]
    classes = sorted(names.unique())
    return Embedded(features, names.map(classes.index).to_numpy(dtype=np.int64), classes)
