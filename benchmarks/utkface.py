"""UTKFace as arrays: embeddings, labels, and a split into a test set and faces to label."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.scratch import DATA
from faceloop.model.fit_head import Fit, fit_head
from faceloop.model.head import predict
from faceloop.model.params import Train
from faceloop.statistics.confusion import confusion_by_group, figures

UTKFACE = DATA / "utkface"
TEST_FACES = 3000


class Faces(NamedTuple):
    """Embeddings float32 (n, d) and labels int (n,), indices into classes."""

    features: np.ndarray
    labels: np.ndarray
    classes: list[str]

    def take(self, rows: np.ndarray) -> "Faces":
        """Return just these faces."""
        return Faces(self.features[rows], self.labels[rows], self.classes)


def read_faces(column: str) -> Faces:
    """Return all faces with their label in `column`, race or gender."""
    table = pd.read_csv(UTKFACE / "labels.csv")
    classes = sorted(table[column].unique())
    features = np.load(UTKFACE / "embeddings_0095.npz")["embeddings"].astype(np.float32)
    return Faces(features, table[column].map(classes.index).to_numpy(dtype=np.int64), classes)


def draw(faces: Faces, size: int, rng: np.random.Generator) -> tuple[Faces, Faces]:
    """Return `size` faces to label and TEST_FACES others to test on."""
    order = rng.permutation(len(faces.labels))
    return faces.take(order[TEST_FACES : TEST_FACES + size]), faces.take(order[:TEST_FACES])


def fit(faces: Faces, labels: np.ndarray, settings: Train, seed: int) -> Fit:
    """Train the head with these labels; every face is a group of its own."""
    groups = np.arange(len(labels))
    return fit_head(faces.features, labels, groups, faces.classes, "0095", settings, seed)


def macro_f1(fitted: Fit, test: Faces) -> float:
    """Return the head's macro-F1 on test faces."""
    predicted = predict(fitted.head, test.features).argmax(axis=1)
    one_group = np.zeros(len(predicted))
    counts = confusion_by_group(test.labels, predicted, one_group, len(test.classes))
    return float(figures(counts[0])["macro_f1"])
