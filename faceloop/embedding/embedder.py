"""Turning crops into embeddings."""

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from faceloop.base.errors import FaceloopError
from faceloop.embedding.params import Embed, OnnxInput

if TYPE_CHECKING:  # an extra: only those who embed with ONNX need it
    import onnxruntime

Forward = Callable[[torch.Tensor], torch.Tensor]

CPU = torch.device("cpu")
# Kernels for convolutions and products are chosen by the number of crops, and round differently:
# one number for all, the last few filled up, and no face's embedding depends on its neighbours.
# InceptionResnetV1 is fastest with this one: 8 take a quarter more time a crop, 64 a tenth.
CPU_BATCH = 32
LARGEST_GPU_BATCH = 512  # crops; a shard holds no more
# InceptionResnetV1's widest layer reads and writes 2.3 MB a crop in float32; the rest is room for
# what its kernels work in, and where it is not enough the batch is halved.
GPU_BYTES_A_CROP = 16 * 2**20


def embedder_of(
    network: "torch.nn.Module | onnxruntime.InferenceSession",
    settings: Embed,
    pixels: OnnxInput | None,
    margin: float,
    device: torch.device,
) -> "Embedder":
    """Return the embedder that `embed` in params.yaml asks for.

    Args:
        network: from `files.weights.load_network`.
        settings: names the network.
        pixels: what an ONNX model wants, from `read_onnx_input`.
        margin: what the crops hold around the box, as a share of its longer side.
        device: where the network lies; ONNX Runtime takes its pixels from memory and minds itself.
    """
    if not isinstance(network, torch.nn.Module):
        if pixels is None:
            raise FaceloopError(f"{settings.model}: nothing tells how it wants its pixels")
        return Embedder(onnx_features(network, pixels), CPU, "float32", CPU_BATCH)
    precision = settings.precision
    is_onet = settings.model == "mtcnn-onet"
    forward = onet_features(network, margin) if is_onet else resnet_features(network, precision)
    return Embedder(forward, device, precision, pick_batch_size(device))


def pick_batch_size(device: torch.device) -> int:
    """Return how many crops go through the network at a time, at first.

    On a GPU it is the power of two that its free memory has room for.
    """
    if device.type == "cpu":
        return CPU_BATCH
    free_bytes, _ = torch.cuda.mem_get_info(device)
    fitting = max(free_bytes // GPU_BYTES_A_CROP, 1)
    return min(2 ** (fitting.bit_length() - 1), LARGEST_GPU_BATCH)


class Embedder:
    """A network with what it runs on: takes crops, gives embeddings.

    Attributes:
        device: where the network lies.
        batch_size: crops that go through it at a time; halved where they turn out not to fit.
    """

    def __init__(
        self, forward: Forward, device: torch.device, precision: str, batch_size: int
    ) -> None:
        """Take a network.

        Args:
            forward: takes float32 (n, 3, h, w) of 0 to 255.
            device: where forward's weights lie.
            precision: float32, or bfloat16 by autocast.
            batch_size: crops at a time.
        """
        self.device, self.batch_size = device, batch_size
        self._forward, self._precision = forward, precision

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Return L2-normalised embeddings, float64 of shape (n, d).

        Args:
            crops: uint8 of shape (n, h, w, 3), RGB; n at least 1.

        Raises:
            FaceloopError: an embedding is not finite.
            torch.OutOfMemoryError: not even one crop fits.
        """
        parts: list[np.ndarray] = []
        start = 0
        while start < len(crops):
            try:
                parts.append(self._run(crops[start : start + self.batch_size]))
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise
                self.batch_size //= 2
            else:
                start += len(parts[-1])
        features = np.concatenate(parts)
        if not np.isfinite(features).all():
            raise FaceloopError(
                "embed.model: an embedding is not finite: choose another model, or say in the "
                ".yaml beside an .onnx how it wants its pixels"
            )
        return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)

    def _run(self, crops: np.ndarray) -> np.ndarray:
        """Return features (n, d) of at most `batch_size` crops, filled up with black ones."""
        shape, is_cuda = (self.batch_size, *crops.shape[1:]), self.device.type == "cuda"
        filled = torch.zeros(shape, dtype=torch.uint8, pin_memory=is_cuda)
        filled.numpy()[: len(crops)] = crops
        # From pinned memory a copy to the GPU need not be waited for. Crops arrive as rows of
        # pixels, which is channels_last already: the permute copies nothing.
        x = filled.to(self.device, non_blocking=is_cuda).permute(0, 3, 1, 2).float()
        is_half = self._precision == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=is_half),
        ):
            return self._forward(x).double().cpu().numpy()[: len(crops)]


def onet_features(onet: Any, margin: float) -> Forward:
    """Return MTCNN's O-Net up to its penultimate layer (256-d, dense5 with its PReLU).

    It is small enough to run in float64 always: its embeddings are the same on every processor.

    Args:
        onet: facenet-pytorch's ONet.
        margin: what the crops hold around the box; O-Net was trained on the bare box.
    """

    onet = deepcopy(onet).double()

    def forward(crops: torch.Tensor) -> torch.Tensor:
        inset = round(crops.shape[-1] * margin / (1 + 2 * margin))
        edge = crops.shape[-1] - inset
        bare = crops[:, :, inset:edge, inset:edge].double()
        x = interpolate(bare, size=(48, 48), mode="area")
        x = (x - 127.5) / 128
        for step in (1, 2, 3):
            x = getattr(onet, f"prelu{step}")(getattr(onet, f"conv{step}")(x))
            x = getattr(onet, f"pool{step}")(x)
        x = onet.prelu4(onet.conv4(x))
        return onet.prelu5(onet.dense5(x.permute(0, 3, 2, 1).flatten(1)))

    return forward


def resnet_features(resnet: torch.nn.Module, precision: str) -> Forward:
    """Return InceptionResnetV1 (512-d) on crops of 160 px, standardised as it was trained.

    For bfloat16 the convolutions' weights are rounded here once; autocast would do so each time.
    """
    folded = fold_batch_norms(resnet).to(memory_format=torch.channels_last)
    for layer in folded.modules():
        if precision == "bfloat16" and isinstance(layer, torch.nn.Conv2d):
            layer.bfloat16()

    def forward(crops: torch.Tensor) -> torch.Tensor:
        x = crops
        if crops.shape[2:] != (160, 160):
            x = interpolate(crops, size=(160, 160), mode="bilinear", antialias=True)
        x = ((x - 127.5) / 128).contiguous(memory_format=torch.channels_last)
        return folded(x)

    return forward


def fold_batch_norms(resnet: torch.nn.Module) -> Any:
    """Return a copy of InceptionResnetV1 in eval mode with fewer steps and the same output.

    Each batch normalisation becomes part of the convolution before it, and each ReLU overwrites
    its input.
    """
    folded = deepcopy(resnet)
    block: Any
    for block in folded.modules():
        if isinstance(getattr(block, "bn", None), torch.nn.BatchNorm2d):
            block.conv = fuse_conv_bn_eval(block.conv, block.bn)
            block.bn = torch.nn.Identity()
        elif isinstance(block, torch.nn.ReLU):
            block.inplace = True
    return folded


def onnx_features(session: "onnxruntime.InferenceSession", settings: OnnxInput) -> Forward:
    """Return an ONNX model with one image input (n, 3, h, w) as a forward function.

    Args:
        session: its first output is the embedding; a fixed batch size of 1 is honoured.
        settings: order of the channels, and mean and scale: x becomes (x - mean) / scale.

    Raises:
        FaceloopError: the model takes something else than pictures, or gives something else than
            an embedding of each; the latter when it is called.
    """
    asked = session.get_inputs()[0]
    colours = asked.shape[1] if len(asked.shape) == 4 else None  # a name where any number goes
    if asked.type != "tensor(float)" or not (colours == 3 or isinstance(colours, str)):
        raise FaceloopError(
            f"embed.model: the ONNX model takes {asked.type} of shape {asked.shape}; allowed: "
            "pictures of shape (n, 3, height, width) in float32"
        )
    size = tuple(side if isinstance(side, int) else 160 for side in asked.shape[2:])
    one_by_one = asked.shape[0] == 1

    def forward(crops: torch.Tensor) -> torch.Tensor:
        x = crops.flip(1) if settings.channels == "bgr" else crops
        x = interpolate(x, size=size, mode="bilinear", antialias=True)
        pixels = ((x - settings.mean) / settings.scale).contiguous().cpu().numpy()
        batches = np.split(pixels, len(x)) if one_by_one else [pixels]
        try:
            outputs = [session.run(None, {asked.name: batch})[0] for batch in batches]
            rows = np.stack([one for output in outputs for one in output]).reshape(len(x), -1)
            return torch.from_numpy(rows.astype(np.float32, casting="same_kind"))
        except Exception as error:  # ONNX Runtime's have no base of their own
            raise FaceloopError(
                "embed.model: the ONNX model gives no embedding a picture; choose another"
            ) from error

    return forward
