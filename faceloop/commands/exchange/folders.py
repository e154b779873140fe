"""A folder per class: crops that people sorted, or photos that were sorted long ago."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from faceloop.base.code import sha256_of
from faceloop.commands.exchange.said import GivenLabel, LabelFile
from faceloop.faces.media import PHOTO_SUFFIXES
from faceloop.labels.columns import NOT_A_FACE, UNSURE
from faceloop.labels.vote_files import check_label


def write_folders(folder: Path, crops: Mapping[str, bytes], classes: Sequence[str]) -> str:
    """Write crops as `<face_id>.jpg` beside an empty folder per class; return what to do next."""
    for name in [*classes, UNSURE, NOT_A_FACE]:
        (folder / name).mkdir(parents=True)
    write_files(folder, crops)
    return f"move each into its class's folder there; faceloop import {folder} --as YOUR-NAME"


def write_files(folder: Path, crops: Mapping[str, bytes]) -> None:
    """Write crops as `<face_id>.jpg`."""
    folder.mkdir(parents=True, exist_ok=True)
    for face_id, jpeg in tqdm(crops.items(), "export", unit="crop", disable=None):
        (folder / f"{face_id}.jpg").write_bytes(jpeg)


def read_folders(
    folder: Path, faces: pd.DataFrame, known: frozenset[str], classes: Sequence[str]
) -> LabelFile:
    """Read a folder per class: exported crops by name, photos by their bytes.

    Photos are passed over for holding no face, or several, with the reason.

    Raises:
        FaceloopError: a folder that is no class.
    """
    originals = faces[faces["duplicate_of"].isna()]
    by_bytes = originals.groupby("source_sha256")["face_id"].agg(list).to_dict()
    said, passed_over = [], []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix.lower() not in PHOTO_SUFFIXES:
            continue
        label = path.relative_to(folder).parts[0]
        if path.parent == folder:
            continue  # a crop that nobody has sorted yet
        check_label(label, path.as_posix(), classes)
        if path.stem in known:
            said.append(GivenLabel(path.as_posix(), path.stem, label))
            continue
        found = by_bytes.get(sha256_of(path))
        if found is None:
            passed_over.append(
                f"passed over: {path}: no face was found in it, or it is in no batch"
            )
        elif len(found) > 1:
            passed_over.append(f"passed over: {path}: {len(found)} faces; label them in the queue")
        else:
            said.append(GivenLabel(path.as_posix(), found[0], label))
    return LabelFile(said, passed_over)
