"""Turning crops into embeddings."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from stages.core.settings import Embed, OnnxInput

if TYPE_CHECKING:  # an extra: only those who embed with ONNX need it
    import onnxruntime

Forward = Callable[[torch.Tensor], torch.Tensor]


def features_of(
    network: "torch.nn.Module | onnxruntime.InferenceSession", settings: Embed, margin: float
) -> Forward:
    """Return the forward function of the network that `embed.model` names.

    Args:
        network: from `files.weights.load_network`.
        settings: names the network.
        margin: what the crops hold around the box, as a share of its longer side.
    """
    if isinstance(network, torch.nn.Module):
        is_onet = settings.model == "mtcnn-onet"
        return onet_features(network, margin) if is_onet else resnet_features(network)
    return onnx_features(network, settings.onnx)


def onet_features(onet: Any, margin: float) -> Forward:
    """Return MTCNN's O-Net up to its penultimate layer (256-d, dense5 with its PReLU).

    Args:
        onet: facenet-pytorch's ONet.
        margin: what the crops hold around the box; O-Net was trained on the bare box.
    """

    def forward(crops: torch.Tensor) -> torch.Tensor:
        inset = round(crops.shape[-1] * margin / (1 + 2 * margin))
        edge = crops.shape[-1] - inset
        x = interpolate(crops[:, :, inset:edge, inset:edge], size=(48, 48), mode="area")
        x = (x - 127.5) / 128
        for step in (1, 2, 3):
            x = getattr(onet, f"prelu{step}")(getattr(onet, f"conv{step}")(x))
            x = getattr(onet, f"pool{step}")(x)
        x = onet.prelu4(onet.conv4(x))
        return onet.prelu5(onet.dense5(x.permute(0, 3, 2, 1).flatten(1)))

    return forward


def resnet_features(resnet: torch.nn.Module) -> Forward:
    """Return InceptionResnetV1 (512-d) on crops of 160 px, standardised as it was trained."""

    def forward(crops: torch.Tensor) -> torch.Tensor:
        x = interpolate(crops, size=(160, 160), mode="bilinear", antialias=True)
        x = ((x - 127.5) / 128).contiguous(memory_format=torch.channels_last)
        return resnet(x)

    return forward


def embed_batch(
    forward: Forward, crops: np.ndarray, device: torch.device, precision: str
) -> np.ndarray:
    """Return L2-normalised embeddings, float32 of shape (n, d).

    Args:
        forward: takes float32 (n, 3, h, w) of 0 to 255.
        crops: uint8 of shape (n, h, w, 3), RGB.
        device: where forward's weights lie.
        precision: float32, or bfloat16 by autocast.

    Raises:
        ValueError: an embedding is not finite.
    """
    # Crops arrive as rows of pixels, which is channels_last already: the permute copies nothing.
    x = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float()
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    with torch.inference_mode(), autocast:
        features = forward(x).float().cpu().numpy()
    if not np.isfinite(features).all():
        raise ValueError("an embedding is not finite")
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def onnx_features(session: "onnxruntime.InferenceSession", settings: OnnxInput) -> Forward:
    """Return an ONNX model with one image input (n, 3, h, w) as a forward function.

    Args:
        session: its first output is the embedding; a fixed batch size of 1 is honoured.
        settings: order of the channels, and mean and scale: x becomes (x - mean) / scale.
    """
    asked = session.get_inputs()[0]
    size = tuple(side if isinstance(side, int) else 160 for side in asked.shape[2:])
    one_by_one = asked.shape[0] == 1

    def forward(crops: torch.Tensor) -> torch.Tensor:
        x = crops.flip(1) if settings.channels == "bgr" else crops
        x = interpolate(x, size=size, mode="bilinear", antialias=True)
        pixels = ((x - settings.mean) / settings.scale).contiguous().cpu().numpy()
        batches = np.split(pixels, len(x)) if one_by_one else [pixels]
        outputs = [session.run(None, {asked.name: batch})[0] for batch in batches]
        return torch.from_numpy(np.concatenate(outputs).reshape(len(x), -1))

    return forward
