"""Predicting with the classifier's head: a linear map of embeddings, and maybe a hidden layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.base.tables import Rows


class Hidden(NamedTuple):
    """A layer of rectified linear units: what comes out is added to the logits.

    Attributes:
        weight: float32 of shape (d, h), for standardised features.
        bias: float32 of shape (h,).
        out: float32 of shape (h, C).
    """

    weight: np.ndarray
    bias: np.ndarray
    out: np.ndarray


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
        hidden: a layer beside the linear map, of a head that learnt from the pool.
    """

    classes: tuple[str, ...]
    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    temperature: float
    l2: float
    embedder: str
    hidden: Hidden | None = None


def p_columns(classes: Sequence[str]) -> list[str]:
    """Return the names of the columns that hold each class's probability."""
    return [f"p_{name}" for name in classes]


def class_codes(labels: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """Return each label's place among the classes, int64 of shape (n,).

    Raises:
        ValueError: a label is none of the classes.
    """
    return labels.map(list(classes).index).to_numpy(dtype=np.int64)


BLOCK = 16_384  # rows at a time: a memory-mapped pool is never in memory whole


def blocks(n: int, size: int | None = None) -> Iterator[slice]:
    """Yield n rows as slices of at most `size`, or BLOCK."""
    size = BLOCK if size is None else size
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def predict(head: Head, features: Rows) -> np.ndarray:
    """Return class probabilities, float64 of shape (n, C), for features of shape (n, d)."""
    # In float64, for what is picked by its score must not hang on how a processor rounds.
    weight, bias = folded(head, head.weight, head.bias)
    p = np.empty((len(features), len(head.classes)))
    for rows in blocks(len(features)):
        x = features[rows].astype(np.float64)
        logits = x @ weight + bias
        if head.hidden:
            inner, inner_bias = folded(head, head.hidden.weight, head.hidden.bias)
            logits += np.maximum(x @ inner + inner_bias, 0) @ head.hidden.out
        p[rows] = softmax(logits / head.temperature)
    return p


def folded(head: Head, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a layer's weight and bias, float64, for features that are not standardised."""
    wide = weight.astype(np.float64) / head.scale[:, None]
    return wide, bias - head.mean @ wide


def softmax(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return probabilities, float64, along an axis."""
    shifted = np.exp(logits - logits.max(axis=axis, keepdims=True), dtype=np.float64)
    return shifted / shifted.sum(axis=axis, keepdims=True)
