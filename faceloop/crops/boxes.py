"""Boxes around faces: x0, y0, x1, y1 in px of the upright picture."""

import numpy as np
import pandas as pd

BOX = ["x0", "y0", "x1", "y1"]


def boxes_of(table: pd.DataFrame) -> np.ndarray:
    """Return a table's boxes as float64 of shape (n, 4): x0, y0, x1, y1 in px."""
    return table[BOX].to_numpy(dtype=np.float64)


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of every pair of boxes.

    Args:
        first: float of shape (n, 4), x0 y0 x1 y1 in px.
        second: float of shape (m, 4).

    Returns:
        float64 of shape (n, m) in [0, 1]; 0 where a box has no area.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area_first = np.prod(np.clip(first[:, 2:] - first[:, :2], 0, None), axis=1)
    area_second = np.prod(np.clip(second[:, 2:] - second[:, :2], 0, None), axis=1)
    union = area_first[:, None] + area_second[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match_boxes(overlap: np.ndarray, min_iou: float) -> list[tuple[int, int]]:
    """Pair rows with columns one to one, the greatest overlap first; ties go to the lower index."""
    pairs = np.argwhere(overlap >= min_iou)
    order = np.argsort(-overlap[pairs[:, 0], pairs[:, 1]], kind="stable")
    taken_rows, taken_columns, matched = set(), set(), []
    for row, column in pairs[order].tolist():
        if row not in taken_rows and column not in taken_columns:
            taken_rows.add(row)
            taken_columns.add(column)
            matched.append((row, column))
    return matched
