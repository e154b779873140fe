"""Labelled faces to simulate with: an outside set, or the project's own."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.storage import LABELLED_DIR, read_csv
from faceloop.commands.settings import Settings
from faceloop.commands.simulation.simulated_loop import Labelled
from faceloop.pool.features import read_features
from faceloop.pool.labelled import LABELLED


def read_outside_set(embeddings: Path, labels: Path, target: str) -> tuple[Labelled, list[str]]:
    """Read arrays `files` and `embeddings`, and a CSV with `file`, the target and maybe `group`.

    Faces without a label, or without an embedding, are left out. Their ids are hashes of their
    files, as a project's are of its pictures: no order of the set leaks into ties.

    Returns:
        The faces, and the names of the classes.

    Raises:
        FaceloopError: a file or a column is missing, a file stands twice, or a value is NaN.
    """
    files, features = _read_arrays(embeddings)
    try:
        table = pd.read_csv(labels, dtype=str, keep_default_na=False)
        known = table[table[target] != ""].set_index("file")
    except (OSError, KeyError, ValueError) as error:
        raise FaceloopError(f"{labels}: wanted are columns file and {target}: {error}") from error
    if not known.index.is_unique:
        raise FaceloopError(f"{labels}: {known.index[known.index.duplicated()][0]} stands twice")
    place = pd.Index(files).get_indexer(known.index)
    known, features = known[place >= 0], features[place[place >= 0]]
    if np.isnan(features).any():
        raise FaceloopError(f"{embeddings}: an embedding is NaN")
    names = known.index.to_numpy(dtype=str)
    ids = np.array([hashlib.sha256(name.encode()).hexdigest()[:16] for name in names])
    groups = known["group"].to_numpy(dtype=str) if "group" in known else ids
    return _with_classes(ids, groups, features, known[target], f"{labels}: {target}")


def read_labelled_faces(settings: Settings) -> tuple[Labelled, list[str]]:
    """Read the faces that the candidate round has labels for.

    Returns:
        The faces, and the names of the classes that occur.

    Raises:
        FaceloopError: fewer than two classes have labels.
    """
    path = LABELLED_DIR / f"{settings.rounds.candidate}.csv"
    table = read_csv(path, LABELLED)
    table = table[table["label"].isin(settings.classes)]
    ids, groups = (table[name].to_numpy(dtype=str) for name in ("face_id", "group"))
    features = read_features(table, settings.batches)
    return _with_classes(ids, groups, features, table["label"], str(path))


def _read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            files, features = arrays["files"], arrays["embeddings"].astype(np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise FaceloopError(f"{path}: wanted are files and embeddings: {error}") from error
    if len(set(files)) != len(features):
        raise FaceloopError(f"{path}: files must be as many as embeddings, each once")
    return files, features


def _with_classes(
    ids: np.ndarray, groups: np.ndarray, features: np.ndarray, labels: pd.Series, where: str
) -> tuple[Labelled, list[str]]:
    codes, classes = pd.factorize(labels.to_numpy(dtype=str), sort=True)
    if len(classes) < 2:
        raise FaceloopError(f"{where}: labels of two classes or more are needed")
    return Labelled(ids, groups, features, codes.astype(np.int64)), [str(one) for one in classes]
