"""What MTCNN does with candidates between its networks: move, square, cut, and drop double ones.

The formulas are facenet-pytorch's, down to their order in float32. They stand here because
importing them brings torchvision, which takes nearly as long as torch.

A candidate is a row of eight: four edges in px, the logit of its being a face, and the window that
it comes of, as the level of the pyramid and x and y there.
"""

import numpy as np
import torch


def nms(boxes: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return which candidates (n, 8) stay, best first, where no two overlap by more than an IoU.

    The operator is torchvision's, which `load_mtcnn` loads.
    """
    kept: torch.Tensor = torch.ops.torchvision.nms(boxes[:, :4], ranks(boxes), threshold)
    return kept


def nms_by_smaller(boxes: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return which candidates (n, 8) stay, best first, by overlaps as shares of the smaller box.

    As in MTCNN's last step, a box from 3 to 5 px is 3 px wide.
    """
    edges, left = boxes[:, :4].cpu().numpy(), np.argsort(ranks(boxes).cpu().numpy())
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


def ranks(boxes: torch.Tensor) -> torch.Tensor:
    """Return the ranks (n,) of candidates (n, 8), the best highest.

    Candidates of the same whole px get the same logit but for rounding, which differs between
    processors: to a thousandth it decides, and then the window does.
    """
    columns = boxes.cpu().numpy()
    order = np.lexsort([*columns[:, :4:-1].T, columns[:, 4].round(3)])
    found = torch.empty(len(boxes), dtype=boxes.dtype, device=boxes.device)
    found[torch.from_numpy(order).to(boxes.device)] = torch.arange(len(boxes)).to(found)
    return found


def moved_first(boxes: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Return boxes (n, 4 or more) moved as P-Net says, for which an edge is no px wide."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    return torch.cat([boxes[:, :4] + shifts * sides.repeat(1, 2), boxes[:, 4:]], dim=1)


def moved(boxes: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Return boxes (n, 4 or more) moved by shifts (n, 4) in shares of their sides."""
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    return torch.cat([boxes[:, :4] + shifts * sides.repeat(1, 2), boxes[:, 4:]], dim=1)


def squared(boxes: torch.Tensor) -> torch.Tensor:
    """Return boxes (n, 4 or more) made square about their centres, by their longer side."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    longer = sides.amax(dim=1, keepdim=True)
    corner = boxes[:, :2] + sides * 0.5 - longer * 0.5
    return torch.cat([corner, corner + longer, boxes[:, 4:]], dim=1)


def cuts(boxes: torch.Tensor, areas: np.ndarray) -> np.ndarray:
    """Return the whole px of boxes (n, 4 or more) that lie in a picture: edges, int64 (n, 4).

    Args:
        boxes: in px from 1, as MTCNN counts them.
        areas: of the picture, (height + 1, width + 1).
    """
    height, width = (side - 1 for side in areas.shape)
    whole = boxes[:, :4].trunc().long().cpu().numpy()
    first, last = np.maximum(whole[:, :2], 1), np.minimum(whole[:, 2:], [width, height])
    return np.concatenate([first - 1, last], axis=1)
