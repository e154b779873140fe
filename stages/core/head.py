"""Predicting with the classifier's head: a multinomial logistic regression on embeddings."""

from collections.abc import Iterator

import numpy as np

from stages.core.records import Head, Rows

BLOCK = 65_536  # rows at a time: a memory-mapped pool is never in memory whole


def blocks(n: int) -> Iterator[slice]:
    """Yield n rows as slices of at most BLOCK."""
    for start in range(0, n, BLOCK):
        yield slice(start, min(start + BLOCK, n))


def predict(head: Head, features: Rows) -> np.ndarray:
    """Return class probabilities, float64 of shape (n, C), for features of shape (n, d)."""
    # Standardisation is folded into the weights, so that the features are read once.
    weight = head.weight / head.scale[:, None]
    offset = head.bias - head.mean @ weight
    p = np.empty((len(features), len(head.classes)))
    for rows in blocks(len(features)):
        logits = features[rows].astype(np.float32, copy=False) @ weight + offset
        p[rows] = softmax(logits / head.temperature)
    return p


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float64, along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float64)
    return shifted / shifted.sum(axis=-1, keepdims=True)
