"""Loading pretrained networks: facenet-pytorch's, or an ONNX file."""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import facenet_pytorch
import torch
from facenet_pytorch import MTCNN, InceptionResnetV1
from facenet_pytorch.models.inception_resnet_v1 import get_torch_home
from facenet_pytorch.models.mtcnn import ONet

from stages.core.errors import FaceloopError
from stages.core.settings import Embed

if TYPE_CHECKING:  # an extra: only those who embed with ONNX need it
    import onnxruntime

DOWNLOADED = {
    "vggface2": "20180402-114759-vggface2.pt",
    "casia-webface": "20180408-102900-casia-webface.pt",
}


def pick_device(wanted: str) -> torch.device:
    """Return the device that params ask for; `auto` takes a GPU where there is one.

    Raises:
        FaceloopError: cuda is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise FaceloopError("device: cuda is not available here; allowed: auto, cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def load_mtcnn(min_face_px: int, device: torch.device) -> MTCNN:
    """Return MTCNN with the weights that facenet-pytorch ships, finding all faces of a picture."""
    mtcnn = MTCNN(keep_all=True, min_face_size=min_face_px, device=device).eval()
    return mtcnn.to(memory_format=torch.channels_last)


def load_network(
    settings: Embed, device: torch.device
) -> "torch.nn.Module | onnxruntime.InferenceSession":
    """Return the network that `embed.model` names.

    Raises:
        FaceloopError: its weights are neither here nor to be had.
    """
    if settings.model == "mtcnn-onet":
        return ONet().eval().to(device)
    if settings.model in DOWNLOADED:
        return _load_resnet(settings.model, device)
    return _load_onnx(Path(settings.model))


def weights_path(model: str) -> Path:
    """Return the file that holds the weights of an `embed.model`; it may not be here yet."""
    if model == "mtcnn-onet":
        return Path(facenet_pytorch.__file__).parent / "data" / "onet.pt"
    if model in DOWNLOADED:
        return Path(get_torch_home()) / "checkpoints" / DOWNLOADED[model]
    return Path(model)


def _load_resnet(name: str, device: torch.device) -> torch.nn.Module:
    path = weights_path(name)
    try:
        resnet = InceptionResnetV1(pretrained=name)
    except (URLError, ConnectionError, TimeoutError) as error:
        raise FaceloopError(
            f"embed.model: {name}: its weights are not at {path} and cannot be downloaded "
            f"({error}); put the file there, or set embed.model to mtcnn-onet in params.yaml"
        ) from error
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise FaceloopError(
            f"embed.model: {name}: {path} is damaged; delete it and run again"
        ) from error
    return resnet.eval().to(device, memory_format=torch.channels_last)


def _load_onnx(path: Path) -> "onnxruntime.InferenceSession":
    try:
        import onnxruntime
    except ImportError as error:
        raise FaceloopError(
            f"embed.model: {path} needs onnxruntime: run \"pip install 'faceloop[onnx]'\""
        ) from error
    if not path.is_file():
        raise FaceloopError(f"embed.model: {path} is not here; allowed: the path of an .onnx file")
    providers = onnxruntime.get_available_providers()
    try:
        return onnxruntime.InferenceSession(path.as_posix(), providers=providers)
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf as error:
        raise FaceloopError(f"embed.model: {path} is no ONNX model: {error}") from error
