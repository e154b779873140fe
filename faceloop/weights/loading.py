"""Loading pretrained networks: facenet-pytorch's, or an ONNX file."""

import pickle
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import torch
from torch.hub import download_url_to_file

from faceloop.base.code import sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.weights.mtcnn import Mtcnn

if TYPE_CHECKING:  # an extra: only those who embed with ONNX need it
    import onnxruntime

DOWNLOADED = {
    "vggface2": "20180402-114759-vggface2.pt",
    "casia-webface": "20180408-102900-casia-webface.pt",
}
RELEASE = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9"
# As installed, or as several independent projects name it. casia-webface's is taken as it is: no
# two sources of its hash were found.
SHA256 = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
    DOWNLOADED["vggface2"]: "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
}
# Found, not imported: with facenet-pytorch comes torchvision, which takes nearly as long as torch.
SHIPPED_DIR = Path(str(getattr(find_spec("facenet_pytorch"), "origin", ""))).parent / "data"


def pick_device(wanted: str) -> torch.device:
    """Return the device that params ask for; `auto` takes a GPU where there is one.

    Raises:
        FaceloopError: cuda is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise FaceloopError("device: cuda is not available here; allowed: auto, cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def check_precision(precision: str, device: str) -> None:
    """Check that this machine computes in the precision that params ask for.

    Where a CPU lacks bfloat16, oneDNN refuses MTCNN's convolutions, and InceptionResnetV1 takes two
    to five times as long as in float32. What counts is what oneDNN may use, not what the CPU has.

    Raises:
        FaceloopError: it does not.
    """
    if precision == "float32":
        return
    if pick_device(device).type == "cuda":
        has_it, lacks = torch.cuda.is_bf16_supported(including_emulation=False), "GPU"
    else:
        has_onednn = torch.backends.mkldnn.is_available()
        has_it = has_onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        lacks = "processor (x86-64: neither AVX-512 nor AVX-NE-CONVERT)"
    if not has_it:
        raise FaceloopError(
            f"precision: {precision} is not computed by this {lacks}: "
            "set it to float32 in params.yaml, or run this on another machine"
        )


def load_mtcnn(min_face_px: int, device: torch.device) -> Mtcnn:
    """Return MTCNN with the weights that facenet-pytorch ships, finding all faces of a picture.

    Raises:
        FaceloopError: its weights are others, or torchvision's operators are not here.
    """
    paths = [SHIPPED_DIR / name for name in ("pnet.pt", "rnet.pt", "onet.pt")]
    for path in paths:
        _verify(path)
    _load_operators()
    pnet, rnet, onet = (torch.load(path, device, weights_only=True) for path in paths)
    return Mtcnn(pnet, rnet, onet, min_face_px)


@cache
def _load_operators() -> None:
    """Let torch know torchvision's compiled operators, without importing torchvision.

    Raises:
        FaceloopError: they are not here.
    """
    folder = Path(str(getattr(find_spec("torchvision"), "origin", ""))).parent
    found = sorted(folder.glob("_C.*"))
    if not found:
        raise FaceloopError("torchvision lacks its operators: install it again")
    torch.ops.load_library(found[0])


def fetch_weights(model: str) -> str:
    """Return the SHA-256 of an `embed.model`'s file, after downloading it where it is not here.

    Raises:
        FaceloopError: it is not to be had, or is another file than was published.
    """
    path = weights_path(model)
    if model in DOWNLOADED and not path.is_file():
        _download(model, path)
    if not path.is_file():
        raise FaceloopError(f"embed.model: {path} is not here; allowed: the path of an .onnx file")
    return _verify(path)


def load_network(
    model: str, device: torch.device
) -> "torch.nn.Module | onnxruntime.InferenceSession":
    """Return the network that `embed.model` names.

    Raises:
        FaceloopError: its weights are neither here nor to be had, or are others.
    """
    fetch_weights(model)
    if model == "mtcnn-onet":
        from facenet_pytorch.models.mtcnn import ONet

        return ONet().eval().to(device)
    if model in DOWNLOADED:
        return _load_resnet(model).to(device)
    return _load_onnx(Path(model))


def weights_path(model: str) -> Path:
    """Return the file that holds the weights of an `embed.model`; it may not be here yet."""
    if model == "mtcnn-onet":
        return SHIPPED_DIR / "onet.pt"
    if model in DOWNLOADED:
        from facenet_pytorch.models.inception_resnet_v1 import get_torch_home

        return Path(get_torch_home()) / "checkpoints" / DOWNLOADED[model]
    return Path(model)


def _verify(path: Path) -> str:
    """Return a file's SHA-256; whatever it holds, it must not be read before."""
    found = sha256_of(path)
    if found != SHA256.get(path.name, found):
        mend = (
            "run 'pip install --force-reinstall facenet-pytorch==2.5.3'"
            if path.parent == SHIPPED_DIR
            else "delete it and run again"
        )
        raise FaceloopError(
            f"{path} is damaged or another file: its SHA-256 is {found}, "
            f"that of the published one {SHA256[path.name]}; {mend}"
        )
    return found


def _download(model: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(f"{RELEASE}/{path.name}", str(path))
    except (URLError, ConnectionError, TimeoutError) as error:
        raise FaceloopError(
            f"embed.model: {model}: its weights are not at {path} and cannot be downloaded "
            f"({error}); put the file there, or set embed.model to mtcnn-onet in params.yaml"
        ) from error


def _load_resnet(model: str) -> torch.nn.Module:
    from facenet_pytorch import InceptionResnetV1

    path, resnet = weights_path(model), InceptionResnetV1()
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        resnet.load_state_dict(
            {name: one for name, one in tensors.items() if not name.startswith("logits.")}
        )
    except (RuntimeError, EOFError, OSError, AttributeError, pickle.UnpicklingError) as error:
        raise FaceloopError(
            f"embed.model: {model}: {path} is damaged; delete it and run again"
        ) from error
    return resnet.eval()


def _load_onnx(path: Path) -> "onnxruntime.InferenceSession":
    try:
        import onnxruntime
    except ImportError as error:
        raise FaceloopError(
            f"embed.model: {path} needs onnxruntime: run \"pip install 'faceloop[onnx]'\""
        ) from error
    providers = onnxruntime.get_available_providers()
    try:
        return onnxruntime.InferenceSession(path.as_posix(), providers=providers)
    except Exception as error:  # its own have no base of their own
        raise FaceloopError(
            f"embed.model: {path} is empty, damaged or no ONNX model that runs here; put the "
            "embedder's file there"
        ) from error
