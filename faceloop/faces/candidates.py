"""What MTCNN does with candidates between its networks: move, square, cut, and drop double ones.

The formulas are facenet-pytorch's, down to their order in float32. They stand here because
importing them brings torchvision, which takes nearly as long as torch.
"""

import numpy as np
import torch


def nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return which boxes (n, 4) stay, best first, where no two overlap by more than an IoU.

    The operator is torchvision's, which `load_mtcnn` loads.
    """
    kept: torch.Tensor = torch.ops.torchvision.nms(boxes, scores, threshold)
    return kept


def nms_by_smaller(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return which boxes (n, 4) stay, best first, by overlaps as shares of the smaller box.

    As in MTCNN's last step, a box from 3 to 5 px is 3 px wide.
    """
    edges, left = boxes.cpu().numpy(), np.argsort(scores.cpu().numpy())
    areas = (edges[:, 2] - edges[:, 0] + 1) * (edges[:, 3] - edges[:, 1] + 1)
    kept = []
    while left.size:
        best, left = left[-1], left[:-1]
        kept.append(int(best))
        low = np.maximum(edges[best, :2], edges[left, :2])
        high = np.minimum(edges[best, 2:], edges[left, 2:])
        width, height = np.maximum(0, high - low + 1).T
        share = width * height / np.minimum(areas[best], areas[left])
        left = left[share <= threshold]
    return torch.tensor(kept, dtype=torch.long, device=boxes.device)


def moved(boxes: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Return boxes (n, 5) whose edges are moved by shifts (n, 4) in shares of their sides."""
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    return torch.cat([boxes[:, :4] + shifts * sides.repeat(1, 2), boxes[:, 4:]], dim=1)


def squared(boxes: torch.Tensor) -> torch.Tensor:
    """Return boxes (n, 5) made square about their centres, by their longer side."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    longer = sides.amax(dim=1, keepdim=True)
    corner = boxes[:, :2] + sides * 0.5 - longer * 0.5
    return torch.cat([corner, corner + longer, boxes[:, 4:]], dim=1)


def cuts(boxes: torch.Tensor, width: int, height: int) -> np.ndarray:
    """Return the whole px of boxes (n, 5) that lie in a picture: int64 (n, 4), edges."""
    whole = boxes[:, :4].trunc().long().cpu().numpy()
    first, last = np.maximum(whole[:, :2], 1), np.minimum(whole[:, 2:], [width, height])
    return np.concatenate([first - 1, last], axis=1)
