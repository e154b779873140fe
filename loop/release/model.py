"""The model of a release: the head, what stands before it, and what its mistakes are."""

import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.release.contents import Contents
from stages.core.held_out import certain_above
from stages.core.onnx_head import onnx_of
from stages.core.randomness import generator
from stages.files.heads import MODELS_DIR
from stages.files.media import sha256_of
from stages.files.tables import write_csv, write_json
from stages.files.weights import weights_path

CERTAIN = 0.95  # how often a prediction must be right to be called certain
CALIBRATION = "calibration.csv"


def describe_model(contents: Contents) -> dict[str, Any]:
    """Return model.json: all that `faceloop predict` needs beside the head."""
    settings, drawn = contents.settings, contents.drawn
    weights = weights_path(settings.embed.model)
    confidence = drawn["confidence"].to_numpy(dtype=float)
    is_right = (drawn["truth"] == drawn["predicted"]).to_numpy(dtype=bool)
    return {
        "faceloop": importlib.metadata.version("faceloop"),
        "round": contents.round,
        "commit": contents.commit[0] if contents.commit else None,
        "classes": settings.classes,
        "head": "head.safetensors",
        "embedder": {
            "model": settings.embed.model,
            "sha256": sha256_of(weights) if weights.is_file() else None,
        },
        "extract_faces": settings.extract_faces.model_dump(),
        "embed": settings.embed.model_dump(),
        "certain": certain_above(confidence, is_right, CERTAIN),
        "calibration": {"faces": len(drawn), "groups": int(drawn["group"].nunique())},
    }


def calibration_table(contents: Contents) -> pd.DataFrame:
    """Return how faces drawn at random were judged while held out, a row a group and kind.

    Columns: group (numbered in a mixed order), actual, predicted, faces, weight (their sum).
    """
    drawn, names = contents.drawn, np.array(contents.settings.classes)
    groups, _ = pd.factorize(drawn["group"])
    rng = generator(contents.settings.seed, "calibration", contents.key)
    mixed = rng.permutation(groups.max(initial=-1) + 1) + 1
    table = pd.DataFrame(
        {
            "group": mixed[groups],
            "actual": names[drawn["truth"]],
            "predicted": names[drawn["predicted"]],
            "weight": drawn["weight"],
        }
    )
    by_kind = table.groupby(["group", "actual", "predicted"], sort=True)["weight"]
    return by_kind.agg(faces="size", weight="sum").reset_index()


def write_model(contents: Contents, folder: Path) -> dict[str, Any]:
    """Write the model's files but for its card; return what model.json says."""
    about = describe_model(contents)
    folder.mkdir()
    shutil.copyfile(MODELS_DIR / f"{contents.round}.safetensors", folder / about["head"])
    (folder / "head.onnx").write_bytes(onnx_of(contents.head))
    write_csv(calibration_table(contents), folder / CALIBRATION)
    write_json(about, folder / "model.json")
    return about
