"""Heads on disk: safetensors, nothing pickled."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import read_parquet
from faceloop.model.head import Head, Hidden

MODELS_DIR = Path("models")
ARRAYS = ("weight", "bias", "mean", "scale")
HIDDEN = "hidden_"  # before the names of the hidden layer's arrays


def write_head(head: Head, path: Path) -> None:
    """Write a head: its arrays as tensors, the rest as JSON in the file's metadata."""
    about = {
        "classes": list(head.classes),
        "temperature": head.temperature,
        "l2": head.l2,
        "embedder": head.embedder,
    }
    arrays = {name: getattr(head, name) for name in ARRAYS}
    if head.hidden:
        arrays |= {f"{HIDDEN}{name}": each for name, each in head.hidden._asdict().items()}
    # safetensors takes an array's memory as it lies: a transposed view would come back stirred.
    arrays = {name: np.ascontiguousarray(each) for name, each in arrays.items()}
    content = save(arrays, {"faceloop": json.dumps(about)})
    with replacing(path) as partial:
        partial.write_bytes(content)


def read_out_of_fold(round_name: str) -> pd.DataFrame:
    """Return what each training face of a round was given while it was held out.

    Raises:
        FaceloopError: it is not there yet.
    """
    return read_parquet(MODELS_DIR / f"{round_name}.out_of_fold.parquet")


def read_head(path: Path) -> Head:
    """Read a head that `write_head` wrote.

    Raises:
        FaceloopError: it is not there, or is no head.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()["faceloop"])
            arrays = {name: file.get_tensor(name) for name in ARRAYS}
            layer = [f"{HIDDEN}{name}" for name in Hidden._fields]
            if layer[0] in file.keys():  # noqa: SIM118  it is no mapping
                about["hidden"] = Hidden(*map(file.get_tensor, layer))
    except FileNotFoundError as error:
        raise FaceloopError(f"{path} is not here: run 'dvc repro' or 'dvc pull'") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise FaceloopError(f"{path} is no faceloop head ({error}): run 'dvc repro'") from error
    return Head(classes=tuple(about.pop("classes")), **arrays, **about)
