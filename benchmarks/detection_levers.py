"""What makes detection faster, and what it costs: `python -m benchmarks.detection_levers`.

Each picture is looked at by facenet-pytorch's MTCNN and by each lever in turn, on one thread, and
the processor's time is taken: the ratios hold on a machine that does other work too. Two Markdown
tables: levers on single pictures, and levers on videos, which look at some of a frame or of frames.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from facenet_pytorch import MTCNN
from PIL import Image

from benchmarks.detection import score_boxes
from benchmarks.processors import processor
from benchmarks.real_faces import print_table
from benchmarks.scratch import DATA, ROOT
from faceloop.commands.settings import read_settings
from faceloop.crops.boxes import iou, match_boxes
from faceloop.faces.areas import SCALE, resample, summed_areas
from faceloop.faces.detection import detect
from faceloop.faces.face import Detections
from faceloop.faces.media import Unreadable, read_photo, read_pictures
from faceloop.faces.params import ExtractFaces
from faceloop.weights.loading import load_mtcnn

FACENET, SHIPPED = "facenet-pytorch", "detect"
FRAMES, ROUNDS = 6, 3  # so many frames of a size are timed, so many times each
FOUND_IOU = 0.5  # a face that two detectors found
SAME_IOU, SAME_PROBABILITY = 0.999, 1e-4  # a face about which they agree but for rounding
FOLLOWED_IOU = 0.3  # of a face in two frames, with one between them that nobody looked at
BLOCK_PX, MOVED_LEVELS = 8, (2, 4, 8)  # a block moved when its mean did, by more levels of 255
Detector = Callable[[Image.Image], Detections]


class Raced(NamedTuple):
    """By detector: what it found in each picture, and CPU milliseconds a picture."""

    found: dict[str, list[Detections]]
    ms: dict[str, float]


def main() -> int:
    """Print both tables; return 0 when done, 2 where the real data is not here."""
    if not DATA.exists():
        print(f"error: the real faces are not here: {DATA} is missing", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    settings = read_settings(ROOT / "params.yaml").extract_faces
    truth, photos = read_photos(settings.max_megapixels)
    videos = {path.name: read_frames(path, settings) for path in sorted(DATA.glob("videos/*.m*"))}
    levers = make_levers(settings.min_face_px)
    raced = {
        "1080p": race(levers, videos["timesler_video.mp4"][:FRAMES], ROUNDS),
        "640x360": race(levers, videos["short_hamilton_clip.mp4"][:FRAMES], ROUNDS),
        "photo": race(levers, photos, 1),
    }
    print(f"{processor()}\n")
    print_table(pd.DataFrame([lever_row(name, raced, truth) for name in levers]))
    rows = [video_row(name, seen, levers[SHIPPED]) for name, seen in videos.items()]
    print_table(pd.DataFrame(rows))
    return 0


def make_levers(min_face_px: int) -> dict[str, Detector]:
    """Return the detectors by name, facenet-pytorch's own first."""
    reference = MTCNN(keep_all=True, min_face_size=min_face_px, device="cpu").eval()
    changes: dict[str, tuple[dict[str, Any], torch.dtype]] = {
        SHIPPED: ({}, torch.float32),
        "bfloat16": ({}, torch.bfloat16),
        "pyramid factor 0.65": ({"factor": 0.65}, torch.float32),
        "pyramid factor 0.6": ({"factor": 0.6}, torch.float32),
        "P-Net threshold 0.7": ({"thresholds": (0.7, 0.7, 0.7)}, torch.float32),
        "bfloat16, factor 0.65": ({"factor": 0.65}, torch.bfloat16),
    }
    levers: dict[str, Detector] = {FACENET: partial(detect_with_facenet, reference)}
    for name, (attributes, precision) in changes.items():
        mtcnn = replace(load_mtcnn(min_face_px, torch.device("cpu")), **attributes)
        levers[name] = partial(detect, mtcnn, precision=precision)
    return levers


def detect_with_facenet(mtcnn: MTCNN, image: Image.Image) -> Detections:
    """Return what facenet-pytorch's own detection finds, in the order of ours."""
    boxes, probabilities, landmarks = mtcnn.detect(image, landmarks=True)
    if boxes is None:
        return Detections(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
    order = np.lexsort((boxes[:, 1], boxes[:, 0]))
    found = (boxes, probabilities, landmarks)
    return Detections(*(one[order].astype(float) for one in found))


def race(levers: dict[str, Detector], images: Iterable[Image.Image], rounds: int) -> Raced:
    """Return what each detector finds and how long it takes, picture by picture in turn."""
    raced = Raced({name: [] for name in levers}, dict.fromkeys(levers, 0.0))
    for image in images:
        for at in range(rounds):
            for name, detector in levers.items():
                started = time.process_time()
                found = detector(image)
                raced.ms[name] += (time.process_time() - started) * 1000 / rounds
                raced.found[name] += [found] if at == 0 else []
    pictures = len(raced.found[FACENET])
    return Raced(raced.found, {name: ms / pictures for name, ms in raced.ms.items()})


def lever_row(name: str, raced: dict[str, Raced], truth: pd.DataFrame) -> dict[str, Any]:
    """Return a lever's times, its recall of the marked faces, and how it agrees with facenet's."""
    row: dict[str, Any] = {"lever": name}
    for size, one in raced.items():
        row[f"{size}, ms"] = round(one.ms[name])
        row[f"{size}, ratio"] = one.ms[FACENET] / one.ms[name]
    recall = {one: recall_of(raced["photo"].found[one], truth) for one in (name, FACENET)}
    pairs = [
        (theirs, ours)
        for one in raced.values()
        for theirs, ours in zip(one.found[FACENET], one.found[name], strict=True)
    ]
    return row | {
        "recall / facenet's": recall[name] / recall[FACENET],
        "faces": sum(len(ours.boxes) for _, ours in pairs),
        "of facenet's found": share_found(pairs, FOUND_IOU),
        "the same": share_found(pairs, SAME_IOU, SAME_PROBABILITY),
    }


def recall_of(found: list[Detections], truth: pd.DataFrame) -> float:
    """Return the share of the marked faces that count which were found."""
    boxes = [one.boxes for one in found]
    recall: float = score_boxes(truth, dict(zip(truth["file"].unique(), boxes, strict=True)))[
        "recall"
    ]
    return recall


def share_found(
    pairs: list[tuple[Detections, Detections]], min_iou: float, tolerance: float = 1.0
) -> float:
    """Return the share of the first's faces that the second found, at nearly the probability."""
    total = hits = 0
    for theirs, ours in pairs:
        matched = match_boxes(iou(theirs.boxes, ours.boxes), min_iou)
        apart = [abs(theirs.probabilities[row] - ours.probabilities[at]) for row, at in matched]
        total, hits = total + len(theirs.boxes), hits + sum(one <= tolerance for one in apart)
    return hits / total if total else float("nan")


def video_row(name: str, images: list[Image.Image], detector: Detector) -> dict[str, Any]:
    """Return what would be lost by looking at every second frame, and how much of a frame moves."""
    found = [detector(image) for image in images]
    between = [
        (found[at], follow(found[at - 1], found[at + 1])) for at in range(1, len(found) - 1, 2)
    ]
    moved = np.array([moved_shares(*pair) for pair in zip(images, images[1:], strict=False)])
    return {
        "video": name,
        "frames": len(images),
        "faces": sum(len(one.boxes) for one in found),
        "found between 2 frames": share_found(between, FOUND_IOU),
        **{
            f"moved by {levels} levels": share
            for levels, share in zip(MOVED_LEVELS, moved.mean(axis=0), strict=True)
        },
        "still frames": float((moved[:, 0] == 0).mean()),
    }


def follow(before: Detections, after: Detections) -> Detections:
    """Return the faces of the frame between two: halfway where both have a face, else as before."""
    boxes = before.boxes.copy()
    for row, at in match_boxes(iou(before.boxes, after.boxes), FOLLOWED_IOU):
        boxes[row] = (before.boxes[row] + after.boxes[at]) / 2
    return Detections(boxes, before.probabilities, before.landmarks)


def moved_shares(before: Image.Image, after: Image.Image) -> list[float]:
    """Return the share of the picture within two blocks of one that moved, by MOVED_LEVELS."""
    height, width = before.height // BLOCK_PX, before.width // BLOCK_PX
    means = [resample(summed_areas(one), height, width, slice(None)) for one in (before, after)]
    apart = torch.from_numpy(np.abs(means[1] - means[0]) / SCALE).amax(dim=1)
    near = torch.nn.functional.max_pool2d(apart, 5, stride=1, padding=2)
    return [float((near > levels).float().mean()) for levels in MOVED_LEVELS]


def read_photos(max_megapixels: float) -> tuple[pd.DataFrame, Iterator[Image.Image]]:
    """Return the marked faces of all photos, and the photos in their order."""
    sets = []
    for folder in (DATA / "photos" / "dlib", DATA / "photos" / "wider"):
        rows = pd.read_csv(folder / "boxes.csv")
        rows["file"] = f"{folder}/images/" + rows["file"]
        sets.append(rows)
    truth = pd.concat(sets, ignore_index=True).fillna({"invalid": 0, "occlusion": 0})
    return truth, (read_photo(Path(file), max_megapixels) for file in truth["file"].unique())


def read_frames(path: Path, settings: ExtractFaces) -> list[Image.Image]:
    """Return the frames that extraction looks at."""
    images = []
    try:
        for picture in read_pictures(path, settings.frames_per_second, settings.max_megapixels):
            images.append(picture.image)
    except Unreadable as error:
        print(f"{path.name}: {error}", file=sys.stderr)
    return images


if __name__ == "__main__":
    raise SystemExit(main())
