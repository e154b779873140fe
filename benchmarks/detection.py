"""Faces found in photos and videos, beside facenet-pytorch's own MTCNN at its defaults."""

from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pandas as pd
from facenet_pytorch import MTCNN

from benchmarks.scratch import DATA, link_batch, project
from faceloop.base.storage import FACES_DIR, read_csv
from faceloop.commands.settings import read_settings
from faceloop.crops.boxes import boxes_of, iou, match_boxes
from faceloop.crops.face_table import read_batch
from faceloop.faces.batch_files import RAW_DIR
from faceloop.faces.face import REJECTED
from faceloop.faces.media import Unreadable, read_pictures
from stages import extract_faces

MIN_IOU = 0.4
SMALLEST_PX = 20  # shorter side of the marked faces that count
PROBABILITY = 0.9  # MTCNN's; what people who use it directly tend to ask for
BOX = ["xmin", "ymin", "xmax", "ymax"]
NO_FILTERS = {
    "extract_faces.min_face_px": 20,  # MTCNN's default
    "extract_faces.min_probability": 0.0,
    "extract_faces.min_sharpness": 0.0,
}
BoxesByFile = dict[str, np.ndarray]


class Found(NamedTuple):
    """Boxes by picture, and how many faces were found but filtered out, by reason."""

    boxes: BoxesByFile
    filtered: dict[str, int]


def measure_photos(name: str, work: Path) -> list[dict[str, Any]]:
    """Return a row a detector for the photos of `photos/<name>`: recall, precision, filters."""
    folder = DATA / "photos" / name
    truth = pd.read_csv(folder / "boxes.csv")
    paths = [folder / "images" / file for file in sorted(truth["file"].unique())]
    plain, likely = _find_with_facenet(paths)
    found = {
        "MTCNN, its defaults": plain,
        f"MTCNN, probability {PROBABILITY} or more": likely,
        "extract_faces, shipped params": _find_with_stage(work / f"{name}-shipped", paths, {}),
        "extract_faces, filters off": _find_with_stage(work / f"{name}-open", paths, NO_FILTERS),
    }
    return [
        {"photos": name, "detector": detector, **score_boxes(truth, one.boxes), **one.filtered}
        for detector, one in found.items()
    ]


def _find_with_facenet(paths: list[Path]) -> tuple[Found, Found]:
    """Return what facenet-pytorch's MTCNN finds, all of it and the likely faces."""
    mtcnn = MTCNN(keep_all=True).eval()
    plain, likely = Found({}, {}), Found({}, {})
    for path in paths:
        boxes, probabilities = mtcnn.detect(next(read_pictures(path, 1, 100)).image)
        boxes = np.zeros((0, 4)) if boxes is None else np.asarray(boxes, dtype=float)
        plain.boxes[path.name] = boxes
        likely.boxes[path.name] = boxes[probabilities >= PROBABILITY] if len(boxes) else boxes
    return plain, likely


def _find_with_stage(folder: Path, paths: list[Path], changes: dict[str, Any]) -> Found:
    with project(folder, {"batches": ["photos"], **changes}):
        link_batch("photos", paths)
        extract_faces.main("photos")
        by_file = {
            str(file): boxes_of(rows) for file, rows in read_batch("photos").groupby("source")
        }
        return Found(by_file, _filtered("photos"))


def _filtered(batch: str) -> dict[str, int]:
    """Return how many faces each filter took, by the name of its parameter."""
    rejected = read_csv(FACES_DIR / f"{batch}.rejected.csv", REJECTED)
    names = rejected["reason"].str.extract(r"(min_\w+)", expand=False)
    return {str(name): int(n) for name, n in rejected.groupby(names)["count"].sum().items()}


def score_boxes(truth: pd.DataFrame, found: BoxesByFile) -> dict[str, Any]:
    """Return recall over the marked faces that count, and precision over all that was found.

    Precision is the share of found faces that lie on a marked face, be it one that counts or not.
    """
    counted = hits = right = total = 0
    for file, rows in truth.groupby("file"):
        boxes = found.get(str(file), np.zeros((0, 4)))
        overlap = iou(rows[BOX].to_numpy(dtype=float), boxes)
        mask = _is_counted(rows)
        matched = {at for _, at in match_boxes(overlap[mask], MIN_IOU)}
        on_others = (overlap[~mask] >= MIN_IOU).any(axis=0)
        right += len(matched | set(np.flatnonzero(on_others).tolist()))
        counted, hits, total = counted + int(mask.sum()), hits + len(matched), total + len(boxes)
    return {
        "marked": counted,
        "found": total,
        "recall": hits / max(counted, 1),
        "precision": right / max(total, 1),
    }


def _is_counted(rows: pd.DataFrame) -> np.ndarray:
    """Tell which marked faces count: large enough, and neither invalid nor heavily occluded."""
    sides = rows[BOX[2:]].to_numpy(dtype=float) - rows[BOX[:2]].to_numpy(dtype=float)
    counted = sides.min(axis=1) >= SMALLEST_PX
    if "invalid" in rows:
        counted &= ((rows["invalid"] == 0) & (rows["occlusion"] < 2)).to_numpy()
    return counted


def measure_video(path: Path, work: Path) -> dict[str, Any]:
    """Return what extract_faces makes of a video, beside MTCNN on the same frames."""
    batch = path.stem
    with project(work / "videos", {"batches": [batch]}):
        settings = read_settings().extract_faces
        link_batch(batch, [path])
        extract_faces.main(batch)
        faces, filtered = read_batch(batch), _filtered(batch)
        theirs = _count_with_facenet(RAW_DIR / batch / path.name, settings.frames_per_second)
    return {
        "video": path.name,
        "seconds": _duration_s(path),
        "faces": len(faces),
        "tracks": faces["group"].nunique(),
        "near-duplicates": int(faces["duplicate_of"].notna().sum()),
        "filtered": sum(filtered.values()),
        **theirs,
    }


def _count_with_facenet(path: Path, frames_per_second: float) -> dict[str, int]:
    """Return the sampled frames, and the faces that facenet-pytorch's MTCNN finds in them."""
    frames = found = 0
    mtcnn = MTCNN(keep_all=True).eval()
    try:
        for picture in read_pictures(path, frames_per_second, 100):
            boxes, _ = mtcnn.detect(picture.image)
            frames, found = frames + 1, found + (0 if boxes is None else len(boxes))
    except Unreadable:
        pass
    return {"frames": frames, "MTCNN faces": found}


def _duration_s(path: Path) -> float:
    with av.open(path.as_posix()) as container:
        return (container.duration or 0) / av.time_base
