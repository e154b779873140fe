"""A source's faces, the shard of extract_faces; and a batch, put together from its sources.

What was made of a source lies in `.work/extract_faces/<key>/`, the key made from all that decides:
the source's bytes, params, the code and the packages. So a run that is killed goes on where it
was, and a batch that grew looks at the new files alone.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from faceloop.base.code import LIBRARY, digest_of
from faceloop.base.errors import FaceloopError
from faceloop.base.tables import as_table, stacked
from faceloop.crops.face_table import FOUND
from faceloop.crops.packs import encode_crop
from faceloop.faces.batch_files import RAW_DIR, source_name
from faceloop.faces.extracted import WORK_DIR, Crops, read_extracted, read_rejected, writing
from faceloop.faces.face import REJECTED, Given, in_batch
from faceloop.faces.given import check_inside
from faceloop.faces.media import VIDEO_SUFFIXES, Note, Picture, Unreadable, read_pictures
from faceloop.faces.params import ExtractFaces
from faceloop.workers.ahead import map_ahead
from faceloop.workers.local import still_alive

if TYPE_CHECKING:  # torch takes seconds to import, and only workers need it
    from faceloop.faces.extraction import FoundFace
    from faceloop.weights.mtcnn import Mtcnn

PRELOAD = ("faceloop.faces.extraction", "faceloop.weights.loading")  # what workers are forked with
CODE = ("base", "crops", "faces", "weights")  # packages that decide what is found
PACKAGES = ("av", "facenet-pytorch", "numpy", "pi-heif", "pillow", "torch", "torchvision")
PLACED = {**FOUND, "folder": "int64", "at": "int64", "bytes": "int64"}
# Params that decide nothing: how long a file is waited for, and of a photo what is about frames.
# Nor is `device` in the key, for `auto` is another on another machine.
# What only rejects, as max_megapixels does, decides: a finished source does not tell how near its
# limit it came.
HOW_LONG = {"stall_seconds"}
OF_VIDEOS = {"frames_per_second", "faces_per_track"}
AT_A_TIME = 10_000  # faces that are in memory as dicts


class Source(NamedTuple):
    """A photo or video, the SHA-256 of its bytes, and its faces where they are given."""

    path: Path
    digest: str
    given: Given | None = None


def folder_of(source: Source, settings: ExtractFaces) -> Path:
    """Return where a source's finished work lies, or will lie, by all that decides what it is."""
    suffix = source.path.suffix.lower()
    left_out = HOW_LONG if suffix in VIDEO_SUFFIXES else HOW_LONG | OF_VIDEOS
    parts = [source.digest, suffix, settings.model_dump_json(exclude=left_out), _code()]
    parts += [] if source.given is None else [repr(source.given)]
    return WORK_DIR / hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """Return what tells the code and the versions that a source's faces depend on."""
    parts = [digest_of(LIBRARY / name) for name in CODE]
    parts += [f"{name} {version(name)}" for name in PACKAGES]
    return "|".join(parts)


def check_for_sources(batch: str, settings: ExtractFaces, device: str) -> None:
    """Check that this machine can do what `extract_source` does.

    Raises:
        FaceloopError: it does not see the batch, or does not compute in the precision.
    """
    if not (RAW_DIR / batch).is_dir():
        raise FaceloopError(f"it does not see {RAW_DIR / batch}: share that folder too")
    if settings.precision != "float32":
        from faceloop.weights.loading import check_precision

        check_precision(settings.precision, device)


def extract_source(source: Source, settings: ExtractFaces, device: str, threads: int) -> None:
    """Find a source's faces and leave them in its folder; a damaged one leaves what could be read.

    Args:
        source: a photo or video.
        settings: what to keep; without a further picture for `stall_seconds` the process ends.
        device: auto, cpu or cuda.
        threads: pictures that are looked at side by side.
    """
    with writing(folder_of(source, settings)) as writer:
        try:
            for found in _faces_of(source, settings, device, threads, writer.note):
                if isinstance(found, str):
                    writer.reject(found)
                else:
                    writer.add(found.row, encode_crop(found.crop))
        except Unreadable as error:
            writer.reject(str(error))
        if writer.is_empty:
            writer.reject("no face found")


def _faces_of(
    source: Source, settings: ExtractFaces, device: str, threads: int, note: Note
) -> "Iterator[FoundFace | str]":
    """Read, look, cut: pictures are read on this thread and looked at on others."""
    from faceloop.faces.extraction import find_faces, look

    mtcnn = _detector(settings.min_face_px, device)
    looking = partial(look, mtcnn=mtcnn, settings=settings, given=source.given)
    looked = map_ahead(looking, _while_alive(source, settings, note), threads)
    return find_faces(looked, source.digest, settings, settings.faces_per_track)


@cache
def _detector(min_face_px: int, device: str) -> "Mtcnn":
    """Load MTCNN, once a process."""
    from faceloop.weights.loading import load_mtcnn, pick_device

    return load_mtcnn(min_face_px, pick_device(device))


def _while_alive(source: Source, settings: ExtractFaces, note: Note) -> Iterator[Picture]:
    still_alive(settings.stall_seconds)
    for picture in read_pictures(
        source.path, settings.frames_per_second, settings.max_megapixels, note
    ):
        still_alive(settings.stall_seconds)
        if source.given:
            check_inside(source.given, picture.image.size)
        yield picture
    still_alive(settings.stall_seconds)


class Extracted(NamedTuple):
    """A batch: its faces (columns FOUND), their crops, and what gave nothing."""

    table: pd.DataFrame
    crops: Crops
    rejected: pd.DataFrame


def gather(
    batch: str,
    copies: Mapping[Source, Sequence[Path]],
    lost: Mapping[str, str],
    settings: ExtractFaces,
) -> Extracted:
    """Put together what `extract_source` left of a batch's sources.

    Args:
        batch: its name.
        copies: the files with the same bytes as each source, itself the first.
        lost: digests of sources whose process died, with the reason.
        settings: as of `extract_source`.
    """
    folders, parts, rows = list[Path](), list[pd.DataFrame](), list[dict[str, Any]]()
    rejected: list[tuple[str, str, int]] = []
    for one, paths in copies.items():
        folders.append(folder_of(one, settings))
        digest = one.digest
        reasons = {lost[digest]: 1} if digest in lost else read_rejected(folders[-1])
        for copy, path in enumerate(paths):
            source = source_name(path, batch)
            rejected += [(source, reason, n) for reason, n in reasons.items()]
            for face in () if digest in lost else read_extracted(folders[-1]):
                rows.append(in_batch(face, batch, source, copy) | {"folder": len(folders) - 1})
                if len(rows) == AT_A_TIME:
                    parts.append(as_table(rows, PLACED))
                    rows.clear()
    placed = stacked([*parts, as_table(rows, PLACED)], PLACED)
    placed = placed.sort_values(["source", "frame", "x0", "face_id"])
    return Extracted(
        as_table(placed, FOUND),
        Crops(placed, folders),
        as_table(sorted(rejected), REJECTED),
    )


def with_refused(rejected: pd.DataFrame, refused: Mapping[Path, str], batch: str) -> pd.DataFrame:
    """Return what gave nothing with the files that nobody looked at, and why."""
    rows = [(source_name(path, batch), reason, 1) for path, reason in refused.items()]
    every = stacked([rejected, as_table(rows, REJECTED)], REJECTED)
    return as_table(every.sort_values(list(REJECTED)), REJECTED)
