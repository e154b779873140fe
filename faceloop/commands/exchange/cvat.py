"""CVAT: crops and labels for its classification tasks, and its "CVAT for images 1.1" XML.

Format: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from faceloop.base.errors import FaceloopError
from faceloop.commands.exchange.said import GivenLabel, LabelFile, check_file_size, check_known
from faceloop.crops.packs import write_crops
from faceloop.labels.columns import NOT_A_FACE, UNSURE
from faceloop.labels.vote_files import check_label
from faceloop.statistics.figure_files import write_json

ANNOTATIONS = "annotations.xml"
REMEDY = "label whole images with tags in CVAT, and export as 'CVAT for images 1.1'"
SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton")


def write_cvat(folder: Path, crops: Mapping[str, bytes], classes: Sequence[str]) -> str:
    """Write crops.zip and labels.json, CVAT's raw label constructor; return what to do next."""
    labels = [
        {"name": name, "type": "tag", "attributes": []} for name in [*classes, UNSURE, NOT_A_FACE]
    ]
    write_crops(crops, folder / "crops.zip")
    write_json(labels, folder / "labels.json")
    return (
        "create a task with labels.json in the constructor's Raw tab and crops.zip as its files, "
        "tag each image; export 'CVAT for images 1.1'; faceloop import THAT.zip --as YOUR-NAME"
    )


def read_cvat(path: Path, known: frozenset[str], classes: Sequence[str]) -> LabelFile:
    """Read one tag an image from the XML, or from the zip that holds it.

    Tags that a model set (source auto) are no votes.

    Raises:
        FaceloopError: with the image: an unknown face or class, several tags; or another format.
    """
    said: list[GivenLabel] = []
    bare = automatic = 0
    for image in read_images(path):
        name = image.get("name", "")
        where = f"{path}: image {name!r}"
        # A name is only compared with ids that are known here: never opened, never a path.
        face_id = PurePosixPath(name).stem
        check_known(face_id, known, where)
        tags = image.findall("tag")
        by_hand = [tag.get("label", "") for tag in tags if tag.get("source") != "auto"]
        automatic += len(tags) - len(by_hand)
        if len(by_hand) > 1:
            raise FaceloopError(f"{where}: several tags {by_hand}; keep one in CVAT")
        bare += not by_hand
        for label in by_hand:
            check_label(label, where, classes)
            said.append(GivenLabel(where, face_id, label))
    counts = {"image without a tag: no vote": bare, "tag set by a model: no vote": automatic}
    return LabelFile(
        said, [f"{count} x {words}" for words, count in counts.items() if count], "cvat"
    )


def read_images(path: Path) -> list[Element]:
    """Return the image elements of an annotations.xml.

    Raises:
        FaceloopError: it is no such XML, declares entities, or annotates tracks or shapes.
    """
    images = []
    try:
        for _, element in iterparse(xml_of(path), forbid_dtd=True):
            if element.tag == "track" or element.tag in SHAPES:
                raise FaceloopError(f"{path}: <{element.tag}> is not for whole faces: {REMEDY}")
            if element.tag == "image":
                images.append(element)
    except DefusedXmlException as error:
        raise FaceloopError(f"{path}: {error}: CVAT writes no such thing; not read") from error
    except (ParseError, LookupError, ValueError) as error:
        raise FaceloopError(f"{path} is no XML ({error}): {REMEDY}") from error
    if not images:
        raise FaceloopError(f"{path}: no <image> in it: {REMEDY}")
    return images


def xml_of(path: Path) -> BinaryIO:
    """Return the XML's bytes, from the file or from annotations.xml in a zip.

    Raises:
        FaceloopError: no such zip, or too large.
    """
    if path.suffix.lower() != ".zip":
        check_file_size(path.stat().st_size, path)
        return io.BytesIO(path.read_bytes())
    try:
        with zipfile.ZipFile(path) as pack:
            size = pack.getinfo(ANNOTATIONS).file_size
            check_file_size(size, path)
            with pack.open(ANNOTATIONS) as file:
                return io.BytesIO(file.read(size))  # no byte more, whatever it unpacks to
    except (KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise FaceloopError(
            f"{path}: no readable {ANNOTATIONS} in it ({error}): {REMEDY}"
        ) from error
