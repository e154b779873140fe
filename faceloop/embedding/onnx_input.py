"""What stands beside an ONNX embedder: how it wants its pixels."""

from pathlib import Path

from faceloop.base.errors import FaceloopError
from faceloop.base.params import read_params
from faceloop.embedding.params import EMBEDDERS, OnnxInput


def read_onnx_input(model: str) -> OnnxInput | None:
    """Return what `NAME.yaml` beside `NAME.onnx` says of its pixels; None of another `embed.model`.

    Raises:
        FaceloopError: it is not there, or lacks something.
    """
    if model in EMBEDDERS:
        return None
    path = Path(model).with_suffix(".yaml")
    if not path.is_file():
        raise FaceloopError(
            f"{path} is not here: write into it how {model} wants its pixels, 0 to 255, in three "
            "lines such as 'channels: bgr', 'mean: 127.5' and 'scale: 128.0'"
        )
    return read_params(OnnxInput, path)
