"""The tables' columns and types: the contract between the stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pandas.arrays import ArrowStringArray

UNSURE = "unsure"
NOT_A_FACE = "not_a_face"
UNRESOLVED = "unresolved"

FACE = ["batch", "face_id"]
BOX = ["x0", "y0", "x1", "y1"]
LANDMARKS = [
    f"{point}_{axis}"
    for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    for axis in "xy"
]

# One row is a face found in a batch; boxes and landmarks are px in the upright source.
FACES = {
    "face_id": "str",
    "batch": "str",
    "source": "str",
    "source_sha256": "str",
    "frame": "Int64",
    "time_s": "Float64",
    **dict.fromkeys(BOX, "int64"),
    "probability": "float64",
    **dict.fromkeys(LANDMARKS, "float64"),
    "sharpness": "float64",
    "group": "str",
    "duplicate_of": "str",
}

# One row is an input, or faces of an input, that gave nothing, and why.
REJECTED = {"source": "str", "reason": "str", "count": "int64"}

# One row is a face that people are asked about.
QUEUE = {
    "face_id": "str",
    "batch": "str",
    "source": "str",
    "frame": "Int64",
    **dict.fromkeys(BOX, "int64"),
    "purpose": "str",
    "reason": "str",
    "score": "float64",
    "cluster": "Int64",
    "inclusion_probability": "float64",
    "annotators": "str",  # who is asked, joined by a space; blank: anyone
}
BLANK_WHERE_MISSING = ("annotators",)  # columns that files of older rounds do not have
PURPOSES = ("train", "validation", "relabel")

# One row is what one person said of one face.
VOTES = {
    "face_id": "str",
    "label": "str",
    "labelled_at": "str",
    "seconds": "float64",
    "mode": "str",
}
# The same, of several rounds and people.
QUEUED = {**QUEUE, "round": "str"}
CAST_VOTES = {**VOTES, "annotator": "str", "round": "str"}
REQUIRED_OF_A_VOTE = ("face_id", "label")

# One row is how one person settled what others disagree on; the latest row of a face counts.
ADJUDICATIONS = {
    "face_id": "str",
    "label": "str",
    "adjudicator": "str",
    "labelled_at": "str",
    "note": "str",
}
ROUND_ADJUDICATIONS = {**ADJUDICATIONS, "round": "str"}

# One row is a face that somebody voted on; split is train, overfit, validation or unused. Purpose,
# cluster (its stratum, where it was drawn at random) and inclusion_probability (blank unless drawn
# at random) are those it was first asked with.
LABELLED = {
    "face_id": "str",
    "batch": "str",
    "round": "str",
    "group": "str",
    "purpose": "str",
    "cluster": "Int64",
    "inclusion_probability": "float64",
    "split": "str",
    "label": "str",
    "confidence": "float64",
    "votes": "int64",
    "agreement": "float64",
}


# One row is a face that nearly repeats an earlier one of its batch: what link_duplicates found.
DUPLICATES = {"face_id": "str", "duplicate_of": "str", "similarity": "float64"}


# Names of faces or groups: as NumPy's, or as pandas keeps them, in a quarter of the memory.
Ids = np.ndarray | ArrowStringArray


class Rows(Protocol):
    """Embeddings of shape (n, d), in memory or on disk: a slice, or positions, gives rows."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


@dataclass(frozen=True)
class Head:
    """A trained head: a multinomial logistic regression on embeddings, as plain arrays.

    Attributes:
        classes: the C classes, in the order of the outputs.
        weight: float32 of shape (d, C), for standardised features.
        bias: float32 of shape (C,).
        mean, scale: float32 of shape (d,); a feature x is standardised as (x - mean) / scale.
        temperature: what logits are divided by (Guo et al. 2017, On Calibration).
        l2: the penalty it was trained with.
        embedder: the embedding it expects.
    """

    classes: tuple[str, ...]
    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    temperature: float
    l2: float
    embedder: str


@dataclass(frozen=True)
class HeldOut:
    """Faces that neither model was trained on, and the two models to judge on them.

    Attributes:
        truth: int of shape (n,), indices into the classes.
        groups: str of shape (n,), the photo or track of each face.
        features: float32 of shape (n, d).
        accepted, candidate: the models without and with the round's labels.
        weights: float of shape (n,) and mean 1, the inverse of how likely each face was to be
            drawn; None where all count alike.
        strata: int of shape (n,), those that the faces were drawn by; None where by none.
    """

    truth: np.ndarray
    groups: np.ndarray
    features: np.ndarray
    accepted: Head
    candidate: Head
    weights: np.ndarray | None = None
    strata: np.ndarray | None = None


@dataclass(frozen=True)
class WholeBatch:
    """The pool's batch beside the round's validation faces, copies left out.

    Attributes:
        truth: int of shape (m,), of its faces that were labelled before this round.
        features: float32 of shape (m, d), of the same.
        out_of_fold: float of shape (m, C), what the candidate's folds said of a face while it was
            held out; NaN where none did.
        trained: bool of shape (m,), which of them the candidate trained on.
        rest: how many other faces show a class: those that the validation faces stand for.
        embeddings: of shape (n, d), of all faces; read a block at a time.
        unlabelled: bool of shape (n,), which of them have no label yet.
    """

    truth: np.ndarray
    features: np.ndarray
    out_of_fold: np.ndarray
    trained: np.ndarray
    rest: float
    embeddings: Rows
    unlabelled: np.ndarray


def p_columns(classes: Sequence[str]) -> list[str]:
    """Return the names of the columns that hold each class's probability."""
    return [f"p_{name}" for name in classes]


def as_table(rows: Any, columns: dict[str, str]) -> pd.DataFrame:
    """Return `rows` as a table with just these columns, in this order, of these types."""
    table = pd.DataFrame(rows, columns=list(columns))
    return table.astype(columns).reset_index(drop=True)


def stacked(tables: Sequence[pd.DataFrame], columns: dict[str, str]) -> pd.DataFrame:
    """Return tables one below the other; empty, but with its columns, where there is none."""
    return as_table(pd.concat(tables) if tables else [], columns)


def boxes_of(table: pd.DataFrame) -> np.ndarray:
    """Return a table's boxes as float64 of shape (n, 4): x0, y0, x1, y1 in px."""
    return table[BOX].to_numpy(dtype=np.float64)


def queue_rows(faces: pd.DataFrame, purpose: str, **columns: Any) -> pd.DataFrame:
    """Return queue rows for faces of a face table; what `columns` does not name stays blank."""
    blank: dict[str, Any] = dict.fromkeys(("score", "cluster", "inclusion_probability"))
    return as_table(faces.assign(purpose=purpose, annotators="", **(blank | columns)), QUEUE)
