"""MTCNN as it is loaded: its three networks' weights, and how it looks for faces."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Mtcnn:
    """The cascade (Zhang et al. 2016), with facenet-pytorch's weights and defaults.

    Attributes:
        pnet, rnet, onet: each network's weights, by the names that facenet-pytorch gives them.
        min_face_px: side of the smallest face that is looked for.
        factor: from one level of the pyramid to the next.
        thresholds: least probability that each network lets pass.
    """

    pnet: Weights
    rnet: Weights
    onet: Weights
    min_face_px: int
    factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
