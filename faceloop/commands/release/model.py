"""The model of a release: the head, what stands before it, and what its mistakes are."""

import importlib.metadata
import shutil
from pathlib import Path

import numpy as np

from faceloop.balance.class_shares import RandomLabels, class_means
from faceloop.base.code import sha256_of
from faceloop.base.randomness import generator
from faceloop.commands.release.contents import Contents
from faceloop.commands.release.held_out_figures import certain_above
from faceloop.commands.release.model_facts import CalibrationFacts, EmbedderFacts, ModelFacts
from faceloop.commands.release.onnx_head import onnx_of
from faceloop.embedding.onnx_input import read_onnx_input
from faceloop.embedding.rows import write_array
from faceloop.model.head import p_columns
from faceloop.model.head_files import MODELS_DIR
from faceloop.statistics.figure_files import write_record
from faceloop.weights.loading import weights_path

CERTAIN = 0.95  # how often a prediction must be right to be called certain
HEAD, CALIBRATION, DRAWS = "head.safetensors", "calibration.npy", 2000
SUMS = "SHA256SUMS"


def describe_model(contents: Contents) -> ModelFacts:
    """Return model.json."""
    settings, drawn = contents.settings, contents.drawn
    weights = weights_path(settings.embed.model)
    confidence = drawn["confidence"].to_numpy(dtype=float)
    of_class = np.bincount(drawn["truth"].to_numpy(dtype=np.int64), minlength=len(settings.classes))
    is_right = (drawn["truth"] == drawn["predicted"]).to_numpy(dtype=bool)
    return ModelFacts(
        faceloop=importlib.metadata.version("faceloop"),
        round=contents.round,
        commit=contents.commit[0] if contents.commit else None,
        classes=settings.classes,
        head=HEAD,
        embedder=EmbedderFacts(
            model=settings.embed.model,
            sha256=sha256_of(weights) if weights.is_file() else None,
            pixels=read_onnx_input(settings.embed.model),
        ),
        extract_faces=settings.extract_faces,
        embed=settings.embed,
        certain=certain_above(confidence, is_right, CERTAIN),
        calibration=CalibrationFacts(
            faces=len(drawn),
            groups=int(drawn["group"].nunique()),
            of_class=dict(zip(settings.classes, of_class.tolist(), strict=True)),
        ),
    )


def calibration(contents: Contents) -> np.ndarray:
    """Return what the model says of each class's held-out random faces: (1 + DRAWS, C, C).

    Of means and their draws, not of single faces: by a face's own probabilities, who has its photo
    could tell what people said of it. Who lacks the faces cannot replay the draws.
    """
    drawn, classes = contents.drawn, contents.settings.classes
    by_chance = RandomLabels(
        p=drawn[p_columns(classes)].to_numpy(dtype=float),
        labels=drawn["truth"].to_numpy(),
        groups=drawn["group"].to_numpy(),
        weights=drawn["weight"].to_numpy(dtype=float),
    )
    rng = generator(contents.settings.seed, "calibration", contents.key)
    return class_means(by_chance, DRAWS, rng).astype(np.float32)


def write_model(contents: Contents, folder: Path) -> ModelFacts:
    """Write the model's files but for its card; return what model.json says."""
    about = describe_model(contents)
    folder.mkdir()
    shutil.copyfile(MODELS_DIR / f"{contents.round}.safetensors", folder / about.head)
    (folder / "head.onnx").write_bytes(onnx_of(contents.head))
    write_array(calibration(contents), folder / CALIBRATION)
    write_record(about, folder / "model.json")
    return about
