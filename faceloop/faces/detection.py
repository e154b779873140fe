"""Finding faces in a picture with MTCNN (Zhang et al. 2016), as facenet-pytorch gives it.

The cascade, its weights and its boxes are facenet-pytorch's; what differs is how its networks are
laid out (networks.py) and fed. All resampling is by areas, so one table of summed areas
gives every scale of the pyramid and every candidate's crop by a few look-ups a pixel
(areas.py), in strips and batches that stay in the cache. Boxes and probabilities differ
from facenet-pytorch's own by rounding alone.

The cascade picks faces in float32 and then computes where those few are once more in float64: a
box that ends a px aside on another processor would be another face.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch.nn import Module

from faceloop.faces.areas import crop, resample, summed_areas
from faceloop.faces.candidates import cuts, moved, moved_first, nms, nms_by_smaller, squared
from faceloop.faces.face import Detections
from faceloop.faces.networks import Networks, exact_networks_of, networks_of
from faceloop.weights.mtcnn import Mtcnn

NET_PX, STRIDE = 12, 2  # P-Net's window, and how far apart its windows are
# Of a level that P-Net sees at a time: what its first layers give stays in the cache, and is small
# enough for malloc to keep; larger pieces go back to the system, and cost a page fault every 4 kB.
STRIP_PX = 2**16
BATCH_PX = 64 * 24**2  # of candidates that R-Net or O-Net sees at a time, for the same reasons
BATCH_SIZES = 8  # so many sizes batches have: oneDNN compiles anew for each


def detect(mtcnn: Mtcnn, image: Image.Image, precision: torch.dtype = torch.float32) -> Detections:
    """Return the faces of an upright RGB picture, left to right.

    Args:
        mtcnn: its weights, and how it looks for faces.
        image: RGB; one whose shorter side is below the smallest face holds none.
        precision: of the convolutions; with bfloat16 boxes are nearly facenet-pytorch's, and
            found sooner where the processor computes in it.
    """
    levels = scales(mtcnn, min(image.size))
    if not levels:
        return Detections(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
    networks = networks_of(mtcnn, precision)
    p_threshold, r_threshold, o_threshold = mtcnn.thresholds
    with torch.inference_mode():
        areas = summed_areas(image)
        boxes = propose(networks.proposal, areas, levels, p_threshold)
        boxes = refine(networks.refinement, areas, boxes, r_threshold)
        windows = pick(networks.output, areas, boxes, o_threshold)
        found = locate(exact_networks_of(mtcnn), areas, levels, windows)
    edges, p, points = (one.cpu().numpy() for one in found)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    return Detections(edges[order], p[order], points[order])


def scales(mtcnn: Mtcnn, shorter_px: int) -> list[float]:
    """Return the scales at which P-Net's window is a face, from the smallest that is looked for."""
    levels, scale = [], NET_PX / mtcnn.min_face_px
    shorter = shorter_px * scale
    while shorter >= NET_PX:
        levels.append(scale)
        scale, shorter = scale * mtcnn.factor, shorter * mtcnn.factor
    return levels


def propose(
    network: Module, areas: np.ndarray, levels: list[float], threshold: float
) -> torch.Tensor:
    """Return P-Net's candidates over a pyramid of scales: boxes (n, 8)."""
    found = []
    for level, scale in enumerate(levels):
        boxes = torch.cat(list(scan(network, areas, level, scale, threshold)))
        found.append(boxes[nms(boxes, 0.5)])
    boxes = torch.cat(found)
    boxes = boxes[nms(boxes, 0.7)]
    return squared(moved_first(boxes[:, :8], boxes[:, 8:]))


def scan(
    network: Module, areas: np.ndarray, level: int, scale: float, threshold: float
) -> Iterator[torch.Tensor]:
    """Yield the candidates of one scale in strips from the top: boxes and shifts (n, 12)."""
    height, width = size_at(areas, scale)
    windows = (height - NET_PX + 1) // STRIDE + 1  # the last may lack its last row
    step = max(STRIP_PX // width // STRIDE, 1)
    for first in range(0, windows, step):
        last = min(first + step, windows) - 1
        pixels = resample(areas, height, width, slice(STRIDE * first, STRIDE * last + NET_PX))
        seen = forward(network, pixels)[0]
        row, column = (seen[0] >= logit(threshold)).nonzero(as_tuple=True)
        found = seen[:, row, column].T  # (n, 5)
        corner = torch.stack([column, row + first], dim=1).to(found) * STRIDE
        window = torch.cat([torch.full_like(found[:, :1], level), corner], dim=1)
        yield torch.cat([edges_of(corner, scale), found[:, :1], window, found[:, 1:]], dim=1)


def refine(
    network: Module, areas: np.ndarray, boxes: torch.Tensor, threshold: float
) -> torch.Tensor:
    """Return the candidates (n, 8) that R-Net keeps, moved as it says."""
    boxes, seen = classify_boxes(network, areas, boxes, 24, threshold)
    picked = nms(boxes, 0.7)
    return squared(moved(boxes[picked], seen[picked, 1:5]))


def pick(network: Module, areas: np.ndarray, boxes: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return the windows (n, 3) of the candidates that O-Net keeps: level, and x and y there."""
    boxes, seen = classify_boxes(network, areas, boxes, 48, threshold)
    return boxes[nms_by_smaller(moved(boxes, seen[:, 1:5]), 0.7), 5:]


def locate(
    exact: Networks, areas: np.ndarray, levels: list[float], windows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return where the faces of windows (n, 3) are, computed in the networks' float64.

    Returns:
        Boxes (n, 4), probabilities (n,), landmarks (n, 5, 2).
    """
    boxes = windows.new_empty(len(windows), 4, dtype=torch.float64)
    for row, (level, x, y) in enumerate(windows.long().tolist()):
        strip = resample(areas, *size_at(areas, levels[level]), slice(y, y + NET_PX))
        shifts = forward(exact.proposal, strip[..., x : x + NET_PX])[:, 1:]
        edges = edges_of(windows[row : row + 1, 1:], levels[level])
        boxes[row] = squared(moved_first(edges, shifts))
    seen = forward(exact.refinement, crop(areas, cuts(boxes, areas), 24))
    boxes = squared(moved(boxes, seen[:, 1:]))
    seen = forward(exact.output, crop(areas, cuts(boxes, areas), 48))
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    marks = seen[:, 5:].reshape(len(seen), 2, 5).transpose(1, 2)
    points = marks * sides[:, None] + boxes[:, None, :2] - 1
    return moved(boxes, seen[:, 1:5]), seen[:, 0].sigmoid(), points


def classify_boxes(
    network: Module, areas: np.ndarray, boxes: torch.Tensor, side: int, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the boxes (n, 8) that a network takes for faces, with its logit, and all it says."""
    pieces = cuts(boxes, areas)
    within = (pieces[:, 2:] > pieces[:, :2]).all(axis=1)
    boxes, pieces = boxes[torch.from_numpy(within).to(boxes.device)], pieces[within]
    if not len(boxes):
        return boxes, boxes
    size = BATCH_PX // side**2
    step = max(size // BATCH_SIZES, 1)
    filled = np.resize(pieces, (-(-len(pieces) // step) * step, 4))  # with the first ones again
    batches = (filled[first : first + size] for first in range(0, len(filled), size))
    seen = torch.cat([forward(network, crop(areas, batch, side)) for batch in batches])
    seen = seen[: len(pieces)]
    kept = seen[:, 0] > logit(threshold)
    return torch.cat([boxes[kept, :4], seen[kept, :1], boxes[kept, 5:]], dim=1), seen[kept]


def forward(network: Module, pixels: np.ndarray) -> torch.Tensor:
    """Return what a network makes of pixels, on its device."""
    return network(torch.from_numpy(pixels).to(next(network.parameters()).device))


def logit(probability: float) -> float:
    """Return what the networks say of a window that is a face with a probability."""
    return math.log(probability / (1 - probability))


def size_at(areas: np.ndarray, scale: float) -> tuple[int, int]:
    """Return height and width of the picture at a scale, in px."""
    height, width = (int((side - 1) * scale + 1) for side in areas.shape)
    return height, width


def edges_of(corner: torch.Tensor, scale: float) -> torch.Tensor:
    """Return the boxes (n, 4) in the picture of windows at a scale, by their first x and y."""
    return torch.cat([corner + 1, corner + NET_PX], dim=1).div(scale).floor()
