"""Faces that come with their pictures: boxes beside photos, and pictures that are faces already.

Formats: Pascal VOC's XML (http://host.robots.ox.ac.uk/pascal/VOC/), COCO's JSON
(https://cocodataset.org/#format-data), YOLO's text (https://docs.ultralytics.com/datasets/detect/),
and a CSV with columns source, x0, y0, x1, y1. What a box is said to show is not read: each is a
face. Boxes are in px of the upright picture.
"""

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError

from defusedxml import ElementTree

from faceloop.base.errors import FaceloopError
from faceloop.crops.boxes import BOX
from faceloop.faces.batch_files import RAW_DIR
from faceloop.faces.face import CROP, Box, Given
from faceloop.faces.media import PHOTO_SUFFIXES, Unreadable
from faceloop.faces.params import ExtractFaces

OUTSIDE = 0.01  # of a picture's side: so far beyond it a box may reach, as tools round
BESIDE = {"voc": ".xml", "yolo": ".txt"}  # a file a photo
TOGETHER = {"coco": ".json", "csv": ".csv"}  # files that name their photos
ELSEWHERE = {"images": "labels", "JPEGImages": "Annotations"}  # where the first hold photos
MAX_MB = 256  # of a file, which is read whole


class GivenFaces(NamedTuple):
    """Given faces by photo; and the files that gave them, with what of them is of no use or ""."""

    by_photo: dict[Path, Given]
    files: dict[Path, str]


def read_given(batch: str, sources: Sequence[Path], settings: ExtractFaces) -> GivenFaces:
    """Return what `crops` and `boxes` of params.yaml say of a batch's photos.

    Raises:
        FaceloopError: a folder is not here, or a file of boxes cannot be read, with its line.
    """
    given = GivenFaces({}, {})
    for name, kind in [*((name, "crop") for name in settings.crops), *settings.boxes.items()]:
        if name.split("/")[0] != batch:
            continue
        folder = RAW_DIR / name
        if not folder.is_dir():
            raise FaceloopError(f"params.yaml: extract_faces names {folder}/, which is not here")
        inside = [path for path in sources if folder in path.parents]
        photos = [path for path in inside if path.suffix.lower() in PHOTO_SUFFIXES]
        if kind == "crop":
            given.by_photo.update(dict.fromkeys(photos, CROP))
            continue
        suffix = (BESIDE | TOGETHER)[kind]
        files = [path for path in inside if path.suffix.lower() == suffix]
        if not files:
            raise FaceloopError(f"{folder}/ holds no {suffix} file: extract_faces.boxes names it")
        find = _read_beside if kind in BESIDE else _read_together
        find(files, photos, READ[kind], given)
    return given


def check_inside(given: Given, size: tuple[int, int]) -> None:
    """Refuse boxes of which one lies outside of a picture of (width, height).

    Raises:
        Unreadable: all may be of a picture turned or scaled.
    """
    for box in given.boxes:
        for edge, side in zip(box, (*size, *size), strict=True):
            px = edge * side if given.are_shares else edge
            if not -OUTSIDE * side - 1 <= px <= side + OUTSIDE * side + 1:
                edges = ", ".join(f"{one:g}" for one in box)
                raise Unreadable(
                    f"given box outside of the picture: {edges} in {size[0]} x {size[1]}"
                )


def _read_beside(
    files: Sequence[Path],
    photos: Sequence[Path],
    read: Callable[[Path], Given],
    given: GivenFaces,
) -> None:
    """Read a file a photo: beside it, or in the folder that formats set aside for them."""
    photo_of: dict[Path, list[Path]] = {}
    for photo in photos:
        aside = Path(*(ELSEWHERE.get(part, part) for part in photo.parts))
        for place in {photo.with_suffix(""), aside.with_suffix("")}:
            photo_of.setdefault(place, []).append(photo)
    for file in files:
        found = photo_of.get(file.with_suffix(""), [])
        if len(found) > 1:
            raise FaceloopError(f"{file}: is it of {found[0].name} or {found[1].name}? rename one")
        given.files[file] = "" if found else "boxes of a photo that is not here"
        if found:
            given.by_photo[found[0]] = read(file)


def _read_together(
    files: Sequence[Path],
    photos: Sequence[Path],
    read: Callable[[Path], dict[str, list[Box]]],
    given: GivenFaces,
) -> None:
    """Read files that name their photos: by a path from where the file lies, or by name alone."""
    by_name: dict[str, list[Path]] = {}
    for photo in photos:
        by_name.setdefault(photo.name, []).append(photo)
    known = set(photos)
    for file in files:
        missing = 0
        for name, boxes in read(file).items():
            named = Path(name.replace("\\", "/"))
            found = (
                [file.parent / named]
                if file.parent / named in known
                else by_name.get(named.name, [])
            )
            if len(found) > 1:
                raise FaceloopError(
                    f"{file}: {name!r} is {found[0]} or {found[1]}: name it from {file.parent}/"
                )
            missing += not found
            if found:
                before = given.by_photo.get(found[0], Given(()))
                given.by_photo[found[0]] = Given((*before.boxes, *boxes))
        given.files[file] = f"boxes of photos that are not here: {missing}" if missing else ""


def _read_voc(path: Path) -> Given:
    try:
        root = ElementTree.fromstring(_content(path))
    except (ParseError, LookupError, ValueError) as error:  # or with entities: a ValueError too
        raise FaceloopError(f"{path}: no XML that can be read: {error}") from error
    boxes = []
    for at, found in enumerate(root.iter("object"), 1):
        edges = [found.findtext(f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
        boxes.append(_box(edges, f"{path}: object {at}", "bndbox with xmin, ymin, xmax, ymax"))
    if root.tag != "annotation":
        raise FaceloopError(f"{path}: <{root.tag}> is not VOC's <annotation>")
    return Given(tuple(boxes))


def _read_yolo(path: Path) -> Given:
    boxes = []
    for row, line in enumerate(_text(path).splitlines(), 1):
        if not (words := line.split()):
            continue
        wanted = "a class and x, y, width, height as shares of the picture"
        x, y, width, height = _numbers(words[1:5], f"{path}:{row}", wanted)
        edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        if len(words) not in (5, 6) or min(edges) < -OUTSIDE or max(edges) > 1 + OUTSIDE:
            raise FaceloopError(f"{path}:{row}: no box; wanted: {wanted}")
        boxes.append(_box(edges, f"{path}:{row}", wanted))
    return Given(tuple(boxes), are_shares=True)


def _read_coco(path: Path) -> dict[str, list[Box]]:
    wanted = "COCO's images (id, file_name) and annotations (image_id, bbox)"
    try:
        content = json.loads(_text(path))
        name_of = {one["id"]: str(one["file_name"]) for one in content["images"]}
        pairs = [(one["image_id"], one["bbox"]) for one in content["annotations"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FaceloopError(f"{path}: {error!r}; wanted: {wanted}") from error
    boxes: dict[str, list[Box]] = {name: [] for name in name_of.values()}
    for at, (image, bbox) in enumerate(pairs):
        where = f"{path}: annotations[{at}]"
        if image not in name_of:
            raise FaceloopError(f"{where}: image_id {image!r} is in no entry of images")
        x, y, width, height = _numbers(bbox, where, "bbox of x, y, width, height in px")
        boxes[name_of[image]].append(_box((x, y, x + width, y + height), where, "a bbox"))
    return boxes


def _read_csv(path: Path) -> dict[str, list[Box]]:
    lines = csv.DictReader(_text(path).splitlines())
    missing = [name for name in ("source", *BOX) if name not in (lines.fieldnames or [])]
    if missing:
        raise FaceloopError(f"{path}:1: no column {missing[0]!r}; wanted: source, {', '.join(BOX)}")
    boxes: dict[str, list[Box]] = {}
    for one in lines:
        edges = [one[name] for name in BOX]
        boxes.setdefault(one["source"], [])
        if any(edges):  # a photo without a box shows no face
            box = _box(edges, f"{path}:{lines.line_num}", "x0, y0, x1, y1 in px")
            boxes[one["source"]].append(box)
    return boxes


READ: Mapping[str, Callable[[Path], Any]] = {
    "voc": _read_voc, "yolo": _read_yolo, "coco": _read_coco, "csv": _read_csv,
}  # fmt: skip


def _box(edges: Sequence[Any], where: str, wanted: str) -> Box:
    """Return a box of four edges.

    Raises:
        FaceloopError: they are no numbers, or the box has no area.
    """
    x0, y0, x1, y1 = _numbers(edges, where, wanted)
    if x0 >= x1 or y0 >= y1:
        raise FaceloopError(f"{where}: box without area; wanted: {wanted}")
    return x0, y0, x1, y1


def _numbers(words: Any, where: str, wanted: str) -> Iterator[float]:
    """Return four finite numbers.

    Raises:
        FaceloopError: there are not four.
    """
    try:
        numbers = [float(word) for word in words]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise FaceloopError(f"{where}: no four numbers; wanted: {wanted}")
    return iter(numbers)


def _content(path: Path) -> bytes:
    if path.stat().st_size > MAX_MB * 1_000_000:
        raise FaceloopError(f"{path}: larger than {MAX_MB} MB: split it")
    return path.read_bytes()


def _text(path: Path) -> str:
    try:
        return _content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FaceloopError(f"{path}: no UTF-8 text: save it as UTF-8") from error
