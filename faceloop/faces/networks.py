"""MTCNN's three networks (Zhang et al. 2016) with facenet-pytorch's weights, laid out for speed.

On a CPU the convolutions run on oneDNN's blocked tensors, on which PReLU and pooling are cheap: on
others those two take longer than the convolutions. A network's heads are one layer, and a softmax
over two logits is the sigmoid of their difference.
"""

import copy
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, TypeVar

import torch
from facenet_pytorch import MTCNN
from torch import nn
from torch.nn.functional import conv2d, prelu

LARGE_PX = 2**16  # from here on blocked tensors are faster also on a picture of a new size

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


class Networks(NamedTuple):
    """The cascade: of each window the logit of its being a face, and more in the window's sides.

    proposal: P-Net, (1, 3, h, w) to (1, 5, h', w'): the logit and how to move the four edges.
    refinement: R-Net, (n, 3, 24, 24) to (n, 5), the same.
    output: O-Net, (n, 3, 48, 48) to (n, 15), the same and landmarks, five x and five y.
    """

    proposal: nn.Module
    refinement: nn.Module
    output: nn.Module


@lru_cache(maxsize=8)
def networks_of(mtcnn: MTCNN, precision: torch.dtype) -> Networks:
    """Return the networks of facenet-pytorch's MTCNN as `detect` runs them, where they are.

    Args:
        mtcnn: what is done to it later does not count.
        precision: of R-Net's and O-Net's convolutions, and of P-Net's on large pictures; all else
            is float32.
    """
    pnet, rnet, onet = copy.deepcopy([mtcnn.pnet, mtcnn.rnet, mtcnn.onet])
    return Networks(
        Proposal([*_before(pnet, "conv4_1"), joined([pnet.conv4_1, pnet.conv4_2])], precision),
        nn.Sequential(
            Blocked(_before(rnet, "dense4"), precision),
            nn.Flatten(),
            channels_first(rnet.dense4, side=3),
            rnet.prelu4,
            joined([rnet.dense5_1, rnet.dense5_2]),
        ),
        nn.Sequential(
            Blocked(_before(onet, "dense5"), precision),
            nn.Flatten(),
            channels_first(onet.dense5, side=3),
            onet.prelu5,
            joined([onet.dense6_1, onet.dense6_2, onet.dense6_3]),
        ),
    )


class Proposal(nn.Module):
    """P-Net: small pictures channels last, large ones blocked.

    oneDNN compiles each operation anew for each size that it has not met lately. Photos come in all
    sizes; for small ones that takes longer than blocked tensors save.
    """

    def __init__(self, layers: list[nn.Module], precision: torch.dtype) -> None:
        super().__init__()
        self.small = nn.Sequential(*copy.deepcopy(layers))
        self.large = Blocked(layers, precision)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] * x.shape[3] < LARGE_PX:
            return self.small(x.contiguous(memory_format=torch.channels_last))
        return self.large(x)


class Blocked(nn.Module):
    """Layers in a row, run on oneDNN's blocked tensors where the input is on a CPU that has it.

    Input and output are float32, whatever the precision between.
    """

    def __init__(self, layers: Iterable[nn.Module], precision: torch.dtype) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers).to(precision)
        self.precision = precision

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
            return self.layers(x.to(self.precision)).float()
        x = x.to_mkldnn(self.precision)
        for layer in self.layers:
            x = run_blocked(layer, x)
        return x.to_dense().float()


def run_blocked(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return what a layer makes of a blocked tensor, blocked."""
    if isinstance(layer, nn.PReLU):
        return prelu(x, layer.weight.to_mkldnn())
    if isinstance(layer, nn.Conv2d) and layer.weight.dtype != torch.float32:
        weight, bias = (parameter.to_mkldnn() for parameter in layer.parameters())
        return conv2d(x, weight, bias)
    return layer(x)  # blocks its own weights


def joined(heads: list[Layer]) -> Layer:
    """Return one layer that gives the first head's difference of logits, and then the others."""
    parameters = zip(*(head.parameters() for head in heads), strict=True)
    return _with(
        heads[0], *(torch.cat([face[1:] - face[:1], *others]) for face, *others in parameters)
    )


def channels_first(dense: nn.Linear, side: int) -> nn.Linear:
    """Return the layer for inputs flattened as (c, h, w): facenet-pytorch flattens (w, h, c)."""
    columns = dense.weight.unflatten(1, (side, side, -1))  # (out, w, h, c)
    return _with(dense, columns.permute(0, 3, 2, 1).flatten(1), dense.bias)


def _with(layer: Layer, weight: torch.Tensor, bias: torch.Tensor) -> Layer:
    """Return the layer with other weights."""
    layer.weight = nn.Parameter(weight.detach().contiguous(), requires_grad=False)
    layer.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return layer


def _before(network: nn.Module, name: str) -> list[nn.Module]:
    """Return a network's layers up to the one of that name."""
    names = [one for one, _ in network.named_children()]
    return [getattr(network, one) for one in names[: names.index(name)]]
