"""Faces of new photos and videos, found, embedded and classified by a released model."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from faceloop.base.code import sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.commands.release.released_model import ReleasedModel
from faceloop.crops.boxes import BOX
from faceloop.crops.packs import decode_crop, encode_crop
from faceloop.embedding.embedder import embedder_of
from faceloop.embedding.rows import STORED_AS
from faceloop.faces.extraction import find_faces, look
from faceloop.faces.face import CROP, Given
from faceloop.faces.media import PHOTO_SUFFIXES, Note, Unreadable, read_pictures
from faceloop.model.head import p_columns, predict
from faceloop.weights.loading import (
    check_precision,
    load_mtcnn,
    load_network,
    pick_device,
    weights_path,
)
from faceloop.workers.ahead import map_ahead
from faceloop.workers.local import cores

Face = tuple[dict[str, Any], np.ndarray]  # its row of a face table, and its crop
COLUMNS = ["source", "frame", "time_s", *BOX, "probability", "group", "duplicate_of"]


def list_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files named, and those in the folders named, at any depth; hidden ones left out.

    Raises:
        FaceloopError: one is not there.
    """
    files: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise FaceloopError(f"{path} is not here: name photos, videos or folders")
        inside = path.rglob("*") if path.is_dir() else [path]
        files |= {
            one
            for one in inside
            if one.is_file()
            and not any(part.startswith(".") for part in one.relative_to(path).parts)
        }
    return sorted(files)


class Classifier:
    """A released model with its detector and its embedder loaded."""

    def __init__(self, model: ReleasedModel) -> None:
        """Load the networks.

        Raises:
            FaceloopError: the embedder's weights are neither here nor to be had, or this machine
                does not compute in the precision that the head was trained on.
        """
        self.model = model
        for block in (model.extract_faces, model.embed):
            check_precision(block.precision, "auto")
        device = pick_device("auto")
        self._mtcnn = load_mtcnn(model.extract_faces.min_face_px, device)
        network = load_network(model.embed.model, device)
        self._embedder = embedder_of(
            network,
            model.embed,
            model.about.embedder.pixels,
            model.extract_faces.margin,
            device,
        )

    @property
    def has_other_weights(self) -> bool:
        """Whether the embedder's weights here are not those that the head was trained on."""
        wanted = self.model.about.embedder.sha256
        return wanted is not None and wanted != sha256_of(weights_path(self.model.embed.model))

    def classify(
        self, files: Sequence[Path], are_crops: bool = False
    ) -> tuple[pd.DataFrame, Counter[str]]:
        """Return the faces of these files, and what was left out or lost and why, with counts.

        Of files with the same bytes the first counts. Of photos that `are_crops`, nothing is
        detected: each is a face. Columns: COLUMNS, and a probability a class.
        """
        rows: list[dict[str, Any]] = []
        rejected: Counter[str] = Counter()
        faces = self._find_all(files, rejected, are_crops)
        while some := list(islice(faces, self._embedder.batch_size)):
            rows += self._with_probabilities(some)
        return pd.DataFrame(rows, columns=[*COLUMNS, *p_columns(self.model.head.classes)]), rejected

    def _find_all(
        self, files: Sequence[Path], rejected: Counter[str], are_crops: bool
    ) -> Iterator[Face]:
        seen: set[str] = set()
        for path in tqdm(files, "predict", unit="file", disable=None):
            digest = sha256_of(path)
            if digest in seen:
                rejected["copy of another file"] += 1
                continue
            seen.add(digest)
            before, is_empty, notes = rejected.total(), True, list[str]()
            given = CROP if are_crops and path.suffix.lower() in PHOTO_SUFFIXES else None
            for face in self._find_faces(path, digest, given, rejected, notes.append):
                is_empty = False
                yield face
            if is_empty and rejected.total() == before:
                rejected["no face found"] += 1
            rejected.update(words.partition(":")[0] for words in notes)

    def _find_faces(
        self, path: Path, digest: str, given: Given | None, rejected: Counter[str], note: Note
    ) -> Iterator[Face]:
        wanted = self.model.extract_faces
        pictures = read_pictures(path, wanted.frames_per_second, wanted.max_megapixels, note)
        looking = partial(look, mtcnn=self._mtcnn, settings=wanted, given=given)
        looked = map_ahead(looking, pictures, cores())
        try:
            for found in find_faces(looked, digest, wanted, per_track=None):
                if isinstance(found, str):
                    rejected[found.partition(":")[0]] += 1
                    continue
                row = found.row | {"source": path.as_posix()}
                # As JPEG and back, for that is what the head was trained on.
                yield row, decode_crop(encode_crop(found.crop))
        except Unreadable as error:
            rejected[str(error).partition(":")[0]] += 1

    def _with_probabilities(self, faces: Sequence[Face]) -> Iterator[dict[str, Any]]:
        features = self._embedder(np.stack([crop for _, crop in faces]))
        stored = features.astype(STORED_AS)
        names, wanted = p_columns(self.model.head.classes), len(self.model.head.weight)
        if stored.shape[1] != wanted:
            raise FaceloopError(
                f"{self.model.embed.model} gives {stored.shape[1]} numbers a face, and the model "
                f"takes {wanted}: name the release's own embedder by --embedder"
            )
        for (row, _), p in zip(faces, predict(self.model.head, stored), strict=True):
            yield {name: row[name] for name in COLUMNS} | dict(zip(names, p.tolist(), strict=True))
