"""Reading a released model, wherever its folder lies: no project is needed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceloop.base.code import sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.commands.release.model import CALIBRATION, HEAD, SUMS
from faceloop.commands.release.model_facts import ModelFacts
from faceloop.embedding.params import EMBEDDERS, Embed
from faceloop.faces.params import ExtractFaces
from faceloop.model.head import Head
from faceloop.model.head_files import read_head

LEAST_OF_A_CLASS = 5  # faces; of a class with fewer nobody knows what it is taken for


@dataclass(frozen=True)
class ReleasedModel:
    """A released model.

    Attributes:
        about: model.json.
        head: its head.
        extract_faces, embed: what stands before the head; `embed.model` is a path for ONNX.
        calibration: (1 + draws, C, C), mean probabilities of each class's faces, of those drawn at
            random: `class_means`.
        thin: classes of which too few faces were drawn to correct for what they are taken for.
    """

    about: ModelFacts
    head: Head
    extract_faces: ExtractFaces
    embed: Embed
    calibration: np.ndarray
    thin: list[str]


def read_release(folder: Path, embedder: Path | None) -> ReleasedModel:
    """Read the model of a release.

    Args:
        folder: what `faceloop release` wrote, or the folder `model` in it.
        embedder: the ONNX file, where the release's own path does not lead to it from here.

    Raises:
        FaceloopError: it is no release, not the one that was written, or the ONNX file is not here.
    """
    folder = folder / "model" if (folder / "model").is_dir() else folder
    path = folder / "model.json"
    try:
        _check_sums(folder)
        about = ModelFacts.model_validate_json(path.read_bytes())
        head = read_head(folder / HEAD)
        calibration = np.load(folder / CALIBRATION, allow_pickle=False).astype(np.float64)
        faces = about.calibration.of_class
        thin = [name for name in head.classes if faces[name] < LEAST_OF_A_CLASS]
        if calibration.shape[1:] != (len(head.classes), len(head.classes)):
            raise ValueError(f"{CALIBRATION} is of other classes")
    except FileNotFoundError as error:
        raise FaceloopError(
            f"{error.filename} is not here: name a folder that 'faceloop release' wrote, whole"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise FaceloopError(
            f"{path} is no released model of this version of faceloop: release it anew"
        ) from error
    return ReleasedModel(
        about=about,
        head=head,
        extract_faces=about.extract_faces,
        embed=about.embed.model_copy(
            update={"model": _embedder(about.embed.model, folder, embedder)}
        ),
        calibration=calibration,
        thin=thin,
    )


def _check_sums(folder: Path) -> None:
    """Compare what is read of a release with its checksums; its README.md is people's to edit.

    Raises:
        FaceloopError: a file is another than was released.
        FileNotFoundError: it, or the list, is not here.
    """
    lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in ("model.json", HEAD, CALIBRATION):
        if sha256_of(folder / name) != sums.get(name):
            raise FaceloopError(
                f"{folder / name} is not the file that was released: its SHA-256 is another than "
                f"in {SUMS}; copy the release again"
            )


def _embedder(model: str, folder: Path, named: Path | None) -> str:
    """Return `embed.model`; for ONNX a path that is here: as named, as known, or in the release."""
    if model in EMBEDDERS:
        return model
    tried = [named] if named else [Path(model), folder / Path(model).name]
    for path in tried:
        if path.is_file():
            return path.as_posix()
    raise FaceloopError(f"{tried[0]} is not here: name the ONNX file of the embedder by --embedder")
