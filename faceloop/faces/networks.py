"""MTCNN's three networks (Zhang et al. 2016) with facenet-pytorch's weights, laid out for speed.

On a CPU the convolutions run on oneDNN's blocked tensors, on which PReLU and pooling are cheap: on
others those two take longer than the convolutions. A network's heads are one layer, and a softmax
over two logits is the sigmoid of their difference.
"""

import copy
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.functional import conv2d, prelu

from faceloop.weights.mtcnn import Mtcnn, Weights

LARGE_PX = 2**16  # from here on blocked tensors are faster also on a picture of a new size


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
def networks_of(mtcnn: Mtcnn, precision: torch.dtype) -> Networks:
    """Return the networks of MTCNN as they look at everything, where their weights are.

    Args:
        mtcnn: their weights.
        precision: of R-Net's and O-Net's convolutions, and of P-Net's on large pictures; all else
            is float32.
    """
    (proposal, _), *others = layers_of(mtcnn)
    refinement, output = (
        nn.Sequential(Blocked(convolutional, precision), nn.Flatten(), *dense)
        for convolutional, dense in others
    )
    return Networks(Proposal(proposal, precision), refinement, output)


@lru_cache(maxsize=8)
def exact_networks_of(mtcnn: Mtcnn) -> Networks:
    """Return the same networks in float64 for few windows: P-Net's are (n, 3, 12, 12) to (n, 5)."""
    return Networks(
        *(
            nn.Sequential(AsFloat64(), *convolutional, nn.Flatten(), *dense).double()
            for convolutional, dense in layers_of(mtcnn)
        )
    )


class AsFloat64(nn.Module):
    """What comes in, in float64."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.double()


def layers_of(mtcnn: Mtcnn) -> list[tuple[list[nn.Module], list[nn.Module]]]:
    """Return the convolutional and the dense layers of P-Net, R-Net and O-Net."""
    pnet, rnet, onet = mtcnn.pnet, mtcnn.rnet, mtcnn.onet
    return [
        ([*convolutions(pnet, (2, 0, 0)), joined(pnet, "conv4_1", "conv4_2")], []),
        (
            convolutions(rnet, (3, 3, 0)),
            [
                channels_first(layer(rnet, "dense4"), side=3),
                activation(rnet, "prelu4"),
                joined(rnet, "dense5_1", "dense5_2"),
            ],
        ),
        (
            convolutions(onet, (3, 3, 2, 0)),
            [
                channels_first(layer(onet, "dense5"), side=3),
                activation(onet, "prelu5"),
                joined(onet, "dense6_1", "dense6_2", "dense6_3"),
            ],
        ),
    ]


class Proposal(nn.Module):
    """P-Net: small pictures channels last, large ones blocked.

    oneDNN compiles each operation anew for each size that it has not met lately. Photos come in all
    sizes; for small ones that takes longer than blocked tensors save.
    """

    def __init__(self, layers: list[nn.Module], precision: torch.dtype) -> None:
        super().__init__()
        small: Any = nn.Sequential(*copy.deepcopy(layers))
        self.small = small.to(memory_format=torch.channels_last)
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


def convolutions(weights: Weights, pools: Sequence[int]) -> list[nn.Module]:
    """Return a network's steps of convolution, PReLU and pooling.

    Args:
        weights: of the network.
        pools: a step, the width of its windows; 0 where it does not pool.
    """
    layers = list[nn.Module]()
    for step, width in enumerate(pools, 1):
        layers += [layer(weights, f"conv{step}"), activation(weights, f"prelu{step}")]
        layers += [nn.MaxPool2d(width, stride=2, ceil_mode=True)] if width else []
    return layers


def joined(weights: Weights, *heads: str) -> nn.Module:
    """Return one layer that gives the first head's difference of logits, and then the others."""
    parts = []
    for kind in ("weight", "bias"):
        face, *others = (weights[f"{head}.{kind}"] for head in heads)
        parts.append(torch.cat([face[1:] - face[:1], *others]))
    return _layer_of(*parts)


def channels_first(dense: nn.Module, side: int) -> nn.Module:
    """Return the layer for inputs flattened as (c, h, w): facenet-pytorch flattens (w, h, c)."""
    weight, bias = dense.parameters()
    columns = weight.unflatten(1, (side, side, -1))  # (out, w, h, c)
    return _layer_of(columns.permute(0, 3, 2, 1).flatten(1), bias)


def layer(weights: Weights, name: str) -> nn.Module:
    """Return a convolution or a dense layer."""
    return _layer_of(weights[f"{name}.weight"], weights[f"{name}.bias"])


def activation(weights: Weights, name: str) -> nn.PReLU:
    """Return a PReLU."""
    weight = weights[f"{name}.weight"]
    made = nn.PReLU(len(weight), device="meta")
    made.weight = _fixed(weight)
    return made


def _layer_of(weight: torch.Tensor, bias: torch.Tensor) -> nn.Module:
    """Return the layer with a weight of (out, in) or (out, in, h, w)."""
    n_out, n_in, *window = weight.shape
    made: nn.Conv2d | nn.Linear
    if window:
        made = nn.Conv2d(n_in, n_out, (window[0], window[1]), device="meta")
    else:
        made = nn.Linear(n_in, n_out, device="meta")
    made.weight, made.bias = _fixed(weight), _fixed(bias)
    return made


def _fixed(values: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().contiguous(), requires_grad=False)
