"""Finding faces in a picture with MTCNN (Zhang et al. 2016), as facenet-pytorch gives it.

The cascade, its weights and its boxes are facenet-pytorch's; what differs is how its networks are
laid out (networks.py) and fed. All resampling is by areas, so one table of summed areas
gives every scale of the pyramid and every candidate's crop by a few look-ups a pixel
(areas.py), in strips and batches that stay in the cache. Boxes and probabilities differ
from facenet-pytorch's own by rounding alone.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch.nn import Module

from faceloop.faces.areas import crop, resample, summed_areas
from faceloop.faces.candidates import cuts, moved, nms, nms_by_smaller, squared
from faceloop.faces.face import Detections
from faceloop.faces.networks import networks_of
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
        boxes, points = locate(networks.output, areas, boxes, o_threshold)
    found = boxes.cpu().numpy().astype(float)
    order = np.lexsort((found[:, 1], found[:, 0]))
    return Detections(found[order, :4], found[order, 4], points.cpu().numpy().astype(float)[order])


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
    """Return P-Net's candidates over a pyramid of scales: boxes (n, 5)."""
    found = []
    for scale in levels:
        boxes = torch.cat(list(scan(network, areas, scale, threshold)))
        found.append(boxes[nms(boxes[:, :4], boxes[:, 4], 0.5)])
    boxes = torch.cat(found)
    boxes = boxes[nms(boxes[:, :4], boxes[:, 4], 0.7)]
    sides = boxes[:, 2:4] - boxes[:, :2]
    corners = boxes[:, :4] + boxes[:, 5:] * sides.repeat(1, 2)
    return squared(torch.cat([corners, boxes[:, 4:5]], dim=1))


def scan(
    network: Module, areas: np.ndarray, scale: float, threshold: float
) -> Iterator[torch.Tensor]:
    """Yield the candidates of one scale in strips from the top: boxes and shifts (n, 9)."""
    height, width = (int((side - 1) * scale + 1) for side in areas.shape)
    windows = (height - NET_PX + 1) // STRIDE + 1  # the last may lack its last row
    step = max(STRIP_PX // width // STRIDE, 1)
    logit = math.log(threshold / (1 - threshold))
    for first in range(0, windows, step):
        last = min(first + step, windows) - 1
        level = resample(areas, height, width, slice(STRIDE * first, STRIDE * last + NET_PX))
        seen = forward(network, level)[0]
        row, column = (seen[0] >= logit).nonzero(as_tuple=True)
        found = seen[:, row, column].T  # (n, 5)
        corner = torch.stack([column, row + first], dim=1).to(found) * STRIDE + 1
        edges = torch.cat([corner, corner + NET_PX - 1], dim=1).div(scale).floor()
        yield torch.cat([edges, found[:, :1].sigmoid(), found[:, 1:]], dim=1)


def refine(
    network: Module, areas: np.ndarray, boxes: torch.Tensor, threshold: float
) -> torch.Tensor:
    """Return the candidates (n, 5) that R-Net keeps, moved as it says."""
    boxes, seen = classify_boxes(network, areas, boxes, 24, threshold)
    picked = nms(boxes[:, :4], boxes[:, 4], 0.7)
    return squared(moved(boxes[picked], seen[picked, 1:]))


def locate(
    network: Module, areas: np.ndarray, boxes: torch.Tensor, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the faces that O-Net keeps: boxes (n, 5) and landmarks (n, 5, 2)."""
    boxes, seen = classify_boxes(network, areas, boxes, 48, threshold)
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    marks = seen[:, 5:].reshape(len(seen), 2, 5).transpose(1, 2)
    points = marks * sides[:, None] + boxes[:, None, :2] - 1
    boxes = moved(boxes, seen[:, 1:5])
    picked = nms_by_smaller(boxes[:, :4], boxes[:, 4], 0.7)
    return boxes[picked], points[picked]


def classify_boxes(
    network: Module, areas: np.ndarray, boxes: torch.Tensor, side: int, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the boxes that a network takes for faces, with its probability, and all it says."""
    boxes, pieces = inside(boxes, areas)
    if not len(boxes):
        return boxes, boxes
    size = BATCH_PX // side**2
    step = max(size // BATCH_SIZES, 1)
    filled = np.resize(pieces, (-(-len(pieces) // step) * step, 4))  # with the first ones again
    batches = (filled[first : first + size] for first in range(0, len(filled), size))
    seen = torch.cat([forward(network, crop(areas, batch, side)) for batch in batches])
    seen = seen[: len(pieces)]
    p = seen[:, :1].sigmoid()
    kept = p[:, 0] > threshold
    return torch.cat([boxes[kept, :4], p[kept]], dim=1), seen[kept]


def forward(network: Module, pixels: np.ndarray) -> torch.Tensor:
    """Return what a network makes of pixels, on its device."""
    return network(torch.from_numpy(pixels).to(next(network.parameters()).device))


def inside(boxes: torch.Tensor, areas: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """Return the boxes that reach into the picture, and their whole px within it (n, 4)."""
    pieces = cuts(boxes, areas.shape[1] - 1, areas.shape[0] - 1)
    seen = (pieces[:, 2:] > pieces[:, :2]).all(axis=1)
    return boxes[torch.from_numpy(seen).to(boxes.device)], pieces[seen]
