"""Find the faces in a batch's photos and videos, cut them out, and link near-duplicates."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from stages.core.errors import FaceloopError
from stages.core.extraction import find_faces
from stages.core.faces import copy_of
from stages.core.records import FACES, REJECTED, as_table
from stages.core.settings import ExtractFaces
from stages.files.console import run_stage
from stages.files.crops import crops_path, encode_crop, write_crops
from stages.files.media import (
    MEDIA_SUFFIXES,
    Unreadable,
    list_sources,
    read_pictures,
    sha256_of,
    source_name,
)
from stages.files.params import read_params
from stages.files.tables import FACES_DIR, write_csv, write_parquet
from stages.files.weights import MTCNN, load_mtcnn, pick_device


def main(batch: str) -> None:
    """Write `data/faces/<batch>.parquet`, `.zip` and `.rejected.csv`."""
    settings = read_params()
    if batch not in settings.batches:
        raise FaceloopError(f"unknown batch {batch!r}; allowed: {', '.join(settings.batches)}")
    wanted = settings.extract_faces
    mtcnn = load_mtcnn(wanted.min_face_px, pick_device(wanted.device))
    same_bytes: dict[str, list[Path]] = {}
    for path in list_sources(batch):
        same_bytes.setdefault(sha256_of(path), []).append(path)
    for paths in same_bytes.values():  # of copies, one whose name says what it is comes first
        paths.sort(key=lambda path: path.suffix.lower() not in MEDIA_SUFFIXES)

    faces: list[dict[str, Any]] = []
    crops: dict[str, bytes] = {}
    rejected: list[tuple[str, str, int]] = []
    progress = tqdm(same_bytes.items(), f"extract_faces {batch}", unit="file", disable=None)
    for digest, paths in progress:
        found = extract_source(paths[0], digest, batch, mtcnn, wanted)
        for copy, path in enumerate(paths):
            source = source_name(path, batch)
            rejected += [(source, reason, n) for reason, n in sorted(found.rejected.items())]
            for face in found.faces:
                faces.append(copy_of(face, source, copy))
                crops[faces[-1]["face_id"]] = found.crops[face["face_id"]]

    table = as_table(faces, FACES).sort_values(["source", "frame", "x0", "face_id"])
    write_crops(crops, crops_path(batch))
    write_csv(as_table(sorted(rejected), REJECTED), FACES_DIR / f"{batch}.rejected.csv")
    write_parquet(as_table(table, FACES), FACES_DIR / f"{batch}.parquet")
    print(
        f"extract_faces {batch}: {len(table)} faces, {table['duplicate_of'].notna().sum()} of them "
        f"near-duplicates; {_counted(rejected)}"
    )


class Extracted(NamedTuple):
    """What one source gave: face rows, crops by face_id, and reasons with their counts."""

    faces: list[dict[str, Any]]
    crops: dict[str, bytes]
    rejected: Counter[str]


def extract_source(
    path: Path, digest: str, batch: str, mtcnn: MTCNN, settings: ExtractFaces
) -> Extracted:
    """Return the faces of one photo or video; a damaged one gives what could be read of it."""
    source = source_name(path, batch)
    found = Extracted([], {}, Counter())
    pictures = read_pictures(path, settings.frames_per_second, settings.max_megapixels)
    try:
        for face in find_faces(pictures, source, digest, batch, mtcnn, settings):
            if isinstance(face, str):
                found.rejected[face] += 1
            else:
                found.faces.append(face.row)
                found.crops[face.row["face_id"]] = encode_crop(face.crop)
    except Unreadable as error:
        found.rejected[str(error)] += 1
    if not found.faces and not found.rejected:
        found.rejected["no face found"] += 1
    return found


def _counted(rejected: list[tuple[str, str, int]]) -> str:
    """Return the reasons with their counts in one line."""
    reasons: Counter[str] = Counter()
    for _, reason, n in rejected:
        reasons[reason.partition(":")[0]] += n
    return ", ".join(f"{n} x {reason}" for reason, n in reasons.most_common()) or "none rejected"


if __name__ == "__main__":
    run_stage(main)
