"""Means over rectangles of a picture, from one table of summed areas (Crow 1984).

The table holds red, green and blue packed into one integer of 64 bits, 21 bits each: a look-up
gives all three sums, and a subtraction is right for all three while the rectangle holds no more
than `WINDOW_PX`. That the sums of a whole picture overflow their bits does no harm.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

CHANNEL_BITS = 21
CHANNEL = 2**CHANNEL_BITS - 1
WINDOW_PX = CHANNEL // 255
STRIP_ROWS = 32  # of a picture: as 64-bit integers they stay in a core's own cache
# What MTCNN's networks were trained on: (value - 127.5) / 128.
CENTRE, SCALE = np.float32(127.5), np.float32(1 / 128)


def summed_areas(image: Image.Image) -> np.ndarray:
    """Return the packed sums (height + 1, width + 1) of all pixels above and left of each corner.

    Args:
        image: RGB.
    """
    width, height = image.size
    pixels = np.frombuffer(image.tobytes("raw", "RGBX"), "<u4").reshape(height, width)
    areas = np.empty((height + 1, width + 1), dtype=np.int64)
    areas[0], areas[:, 0] = 0, 0
    for top in range(0, height, STRIP_ROWS):
        strip = pixels[top : top + STRIP_ROWS].astype(np.int64)  # 0xXXBBGGRR
        packed = strip & 0xFF
        packed |= (strip & 0xFF00) << (CHANNEL_BITS - 8)
        packed |= (strip & 0xFF0000) << (2 * CHANNEL_BITS - 16)
        np.cumsum(packed, axis=1, out=areas[top + 1 : top + 1 + len(strip), 1:])
        for row in range(top, top + len(strip)):
            areas[row + 1] += areas[row]
    return areas


def windows(start: np.ndarray, length: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return first and last edge of each of `parts` windows of [start, start + length).

    They overlap where they do not divide evenly, as in torch's adaptive_avg_pool2d.

    Args:
        start, length: int of shape (n,).

    Returns:
        Two arrays of int, shape (n, parts).
    """
    step = np.arange(parts)
    low = step * length[:, None] // parts
    high = -((step + 1) * -length[:, None] // parts)
    return start[:, None] + low, start[:, None] + high


def resample(areas: np.ndarray, height: int, width: int, rows: slice) -> np.ndarray:
    """Return some rows of the picture at another size: float32 (1, 3, rows, width), normalised."""
    (top,), (bottom,) = windows(np.array([0]), np.array([areas.shape[0] - 1]), height)
    (left,), (right,) = windows(np.array([0]), np.array([areas.shape[1] - 1]), width)
    top, bottom = top[rows], bottom[rows]
    sums = []
    for upper, lower in _bands(top, bottom, right - left):
        band = areas.take(lower, axis=0)
        band -= areas.take(upper, axis=0)
        packed = band.take(right, axis=1)
        packed -= band.take(left, axis=1)
        sums.append(packed[None])
    return _means(sums, (bottom - top)[:, None] * (right - left))


def crop(areas: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """Return each box at side x side: float32 (n, 3, side, side), normalised.

    Args:
        areas: of the picture.
        boxes: int of shape (n, 4), left, top, right, bottom edge in px.
    """
    left, top, right, bottom = boxes.T
    x0, x1 = (edges[:, None] for edges in windows(left, right - left, side))
    y0, y1 = (edges[:, :, None] for edges in windows(top, bottom - top, side))
    sums = []
    for upper, lower in _bands(y0, y1, x1 - x0):
        upper, lower = upper * areas.shape[1], lower * areas.shape[1]
        packed = areas.take(lower + x1)
        packed -= areas.take(lower + x0)
        packed -= areas.take(upper + x1)
        packed += areas.take(upper + x0)
        sums.append(packed)
    return _means(sums, (y1 - y0) * (x1 - x0))


def _bands(
    top: np.ndarray, bottom: np.ndarray, widths: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield upper and lower edges that cut windows into bands of no more than WINDOW_PX px."""
    rows = max(WINDOW_PX // int(widths.max(initial=1)), 1)
    parts = -(-int((bottom - top).max(initial=1)) // rows)
    for part in range(parts):
        yield top + (bottom - top) * part // parts, top + (bottom - top) * (part + 1) // parts


def _means(packed: list[np.ndarray], counts: np.ndarray) -> np.ndarray:
    """Return the means (n, 3, h, w) of packed sums (n, h, w), normalised.

    Args:
        packed: of the bands that make up each window.
        counts: px of each window.
    """
    means = np.empty((len(packed[0]), 3, *packed[0].shape[1:]), dtype=np.float32)
    for channel in range(3):
        first, *others = ((sums >> (channel * CHANNEL_BITS)) & CHANNEL for sums in packed)
        means[:, channel] = sum(others, first)
    pixels = counts.astype(np.float32)
    means /= pixels[:, None] if counts.ndim == 3 else pixels
    means -= CENTRE
    means *= SCALE
    return means
