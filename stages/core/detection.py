"""Finding faces in a picture with MTCNN (Zhang et al. 2016), as facenet-pytorch gives it.

The cascade and its weights are facenet-pytorch's; what differs is how its three networks are fed.
All resampling is by areas, so one table of summed areas (Crow 1984) of the picture gives every
scale of the pyramid and every candidate's crop by four look-ups a pixel, where facenet-pytorch
averages the pixels anew for each. The tensors come out channels-last, which its small convolutions
run fastest on. Boxes and probabilities differ from its own by rounding alone.
"""

import numpy as np
import torch
from facenet_pytorch import MTCNN
from facenet_pytorch.models.utils.detect_face import (
    batched_nms_numpy,
    bbreg,
    fixed_batch_process,
    generateBoundingBox,
    pad,
    rerec,
)
from PIL import Image
from torchvision.ops import nms

from stages.core.faces import Detections

NET_PX = 12  # P-Net's window


def detect(mtcnn: MTCNN, image: Image.Image) -> Detections:
    """Return the faces of an upright RGB picture, left to right.

    Args:
        mtcnn: made with keep_all=True.
        image: RGB; one whose shorter side is below the smallest face holds none.
    """
    none = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
    if min(image.size) < mtcnn.min_face_size:
        return none
    with torch.inference_mode():
        areas = summed_areas(torch.from_numpy(np.array(image)).to(mtcnn.device))
        boxes = propose(mtcnn, areas)
        boxes = refine(mtcnn, areas, boxes) if len(boxes) else boxes
        if not len(boxes):
            return none
        boxes, points = locate(mtcnn, areas, boxes)
    found = boxes.cpu().numpy().astype(float)
    order = np.lexsort((found[:, 1], found[:, 0]))
    return Detections(found[order, :4], found[order, 4], points.cpu().numpy().astype(float)[order])


def summed_areas(pixels: torch.Tensor) -> torch.Tensor:
    """Return the sums (h + 1, w + 1, 3) of all pixels above and left of each corner.

    They are int32 and may overflow: a difference of sums is right all the same while the window it
    stands for holds less than 2 ** 31 / 255 px.

    Args:
        pixels: uint8 of shape (h, w, 3).
    """
    h, w, channels = pixels.shape
    areas = torch.zeros((h + 1, w + 1, channels), dtype=torch.int32, device=pixels.device)
    torch.cumsum(pixels, 0, dtype=torch.int32, out=areas[1:, 1:])
    areas[1:, 1:] = areas[1:, 1:].cumsum(1, dtype=torch.int32)
    return areas


def windows(start: torch.Tensor, length: torch.Tensor, parts: int) -> tuple[torch.Tensor, ...]:
    """Return first and last edge of each of `parts` windows of [start, start + length).

    They overlap where they do not divide evenly, as in torch's adaptive_avg_pool2d.

    Args:
        start, length: int of shape (n,).

    Returns:
        Two tensors of int64, shape (n, parts).
    """
    step = torch.arange(parts, device=start.device)
    low = step * length[:, None] // parts
    high = -((step + 1) * -length[:, None] // parts)
    return start[:, None] + low, start[:, None] + high


def resample(areas: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the whole picture at another size: float32 (1, 3, height, width), normalised."""
    size = torch.tensor([areas.shape[0] - 1, areas.shape[1] - 1], device=areas.device)
    zero = torch.zeros(1, dtype=torch.int64, device=areas.device)
    (top,), (bottom,) = windows(zero, size[:1], height)
    (left,), (right,) = windows(zero, size[1:], width)
    bands = areas[bottom] - areas[top]
    sums = bands[:, right] - bands[:, left]
    counts = (bottom - top)[:, None] * (right - left)[None]
    return normalised(sums[None], counts[None])


def crop(areas: torch.Tensor, boxes: torch.Tensor, side: int) -> torch.Tensor:
    """Return each box at side x side: float32 (n, 3, side, side), normalised.

    Args:
        areas: of the picture.
        boxes: int of shape (n, 4), left, top, right, bottom edge in px.
    """
    left, top, right, bottom = boxes.unbind(1)
    x0, x1 = windows(left, right - left, side)
    y0, y1 = windows(top, bottom - top, side)
    wide = areas.shape[1]
    flat = areas.reshape(-1, areas.shape[2])
    y0, y1, x0, x1 = y0[:, :, None], y1[:, :, None], x0[:, None], x1[:, None]
    sums = flat[y1 * wide + x1] - flat[y0 * wide + x1] - flat[y1 * wide + x0] + flat[y0 * wide + x0]
    return normalised(sums, (y1 - y0) * (x1 - x0))


def normalised(sums: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Return means as the networks were trained on: (n, 3, h, w), channels last."""
    return ((sums / counts[..., None] - 127.5) * 0.0078125).permute(0, 3, 1, 2)


def propose(mtcnn: MTCNN, areas: torch.Tensor) -> torch.Tensor:
    """Return P-Net's candidates over a pyramid from the smallest face up: boxes (n, 5)."""
    h, w = areas.shape[0] - 1, areas.shape[1] - 1
    scale = NET_PX / mtcnn.min_face_size
    shorter, found = min(h, w) * scale, []
    while shorter >= NET_PX:
        level = resample(areas, int(h * scale + 1), int(w * scale + 1))
        regression, p = mtcnn.pnet(level)
        boxes, _ = generateBoundingBox(regression, p[:, 1], scale, mtcnn.thresholds[0])
        found.append(boxes[nms(boxes[:, :4], boxes[:, 4], 0.5)])
        scale, shorter = scale * mtcnn.factor, shorter * mtcnn.factor
    boxes = torch.cat(found)
    boxes = boxes[nms(boxes[:, :4], boxes[:, 4], 0.7)]
    sides = boxes[:, 2:4] - boxes[:, :2]
    corners = boxes[:, :4] + boxes[:, 5:] * sides.repeat(1, 2)
    return rerec(torch.cat([corners, boxes[:, 4:5]], dim=1))


def refine(mtcnn: MTCNN, areas: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Return the candidates (n, 5) that R-Net keeps, moved as it says."""
    boxes, cuts = inside(boxes, areas)
    shift, p = fixed_batch_process(crop(areas, cuts, 24), mtcnn.rnet)
    kept = p[:, 1] > mtcnn.thresholds[1]
    boxes, shift = torch.cat([boxes[kept, :4], p[kept, 1:]], dim=1), shift[kept]
    picked = nms(boxes[:, :4], boxes[:, 4], 0.7)
    return rerec(bbreg(boxes[picked], shift[picked]))


def locate(
    mtcnn: MTCNN, areas: torch.Tensor, boxes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the faces that O-Net keeps: boxes (n, 5) and landmarks (n, 5, 2)."""
    boxes, cuts = inside(boxes, areas)
    shift, marks, p = fixed_batch_process(crop(areas, cuts, 48), mtcnn.onet)
    kept = p[:, 1] > mtcnn.thresholds[2]
    boxes, shift = torch.cat([boxes[kept, :4], p[kept, 1:]], dim=1), shift[kept]
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    points = marks[kept].reshape(-1, 2, 5).transpose(1, 2) * sides[:, None] + boxes[:, None, :2] - 1
    boxes = bbreg(boxes, shift)
    same_picture = torch.zeros(len(boxes), device=boxes.device)
    picked = batched_nms_numpy(boxes[:, :4], boxes[:, 4], same_picture, 0.7, "Min")
    return boxes[picked], points[picked]


def inside(boxes: torch.Tensor, areas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the boxes that reach into the picture, and their whole px within it (n, 4)."""
    top, bottom, left, right = pad(boxes, areas.shape[1] - 1, areas.shape[0] - 1)
    edges = np.stack([left - 1, top - 1, right, bottom], axis=1)
    cuts = torch.from_numpy(edges).to(boxes.device, torch.int64)
    seen = (cuts[:, 2:] > cuts[:, :2]).all(dim=1)
    return boxes[seen], cuts[seen]
