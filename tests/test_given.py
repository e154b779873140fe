"""Faces that come with their pictures: nothing is detected, and nothing is lost without a word."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceloop.base.code import sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import FACES_DIR, read_csv
from faceloop.commands.settings import read_settings
from faceloop.crops.boxes import BOX
from faceloop.crops.face_table import LANDMARKS, read_batch
from faceloop.crops.packs import decode_crop, read_crops
from faceloop.faces.face import CROP, REJECTED, face_id
from faceloop.faces.given import read_given
from stages import extract_faces

VOC = "<annotation><object><name>mask</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object></annotation>"  # noqa: E501
FACE = (20, 10, 80, 90)
AS_BOXES = {
    "voc": ("a.xml", VOC.format(*FACE)),
    "yolo": ("a.txt", "0 0.25 0.5 0.3 0.8\n"),
    "coco": (
        "all.json",
        json.dumps(
            {
                "images": [{"id": 7, "file_name": "a.png"}],
                "annotations": [{"image_id": 7, "bbox": [20, 10, 60, 80]}],
            }
        ),
    ),
    "csv": ("all.csv", "source,x0,y0,x1,y1\na.png,20,10,80,90\n"),
}


def lay(project: Any, files: dict[str, str], **wanted: Any) -> Path:
    """Lay a batch `old` of files; those with no text are noise of 200 x 100 px, no face in it."""
    folder = Path("data/raw/old")
    for at, (name, text) in enumerate(files.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if text:
            (folder / name).write_text(text, encoding="utf-8")
            continue
        noise = np.random.default_rng(at).integers(0, 255, (100, 200, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / name)
    project.set({"batches": ["old"], **{f"extract_faces.{key}": on for key, on in wanted.items()}})
    return folder


def found(project: Any) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    extract_faces.main("old")
    rejected = read_csv(FACES_DIR / "old.rejected.csv", REJECTED)
    return read_batch("old"), list(zip(rejected["source"], rejected["reason"], strict=True))


def test_pictures_that_are_faces_are_taken_whole(project: Any, in_process: None) -> None:
    folder = lay(project, {"cropped/in/a.png": "", "cropped/b.png": "", "c.png": ""})
    before, rejected = found(project)
    assert before.empty and len(rejected) == 3
    lay(project, {}, crops=["old/cropped"])
    faces, rejected = found(project)
    assert rejected == [("c.png", "no face found")]
    assert faces["source"].tolist() == ["cropped/b.png", "cropped/in/a.png"]
    assert faces[BOX].drop_duplicates().values.tolist() == [[0, 0, 200, 100]]
    assert (faces["probability"] == 1).all() and faces[LANDMARKS].isna().all(axis=None)
    digest = sha256_of(folder / "cropped/b.png")
    assert faces["face_id"][0] == face_id(digest, None, (0, 0, 200, 100))
    crop = decode_crop(next(iter(read_crops("old", faces["face_id"]))))
    assert crop[40:120].std() > 10 and crop[:30].max() < 12, "all of the picture, and bars alone"


@pytest.mark.parametrize("kind", AS_BOXES)
def test_boxes_are_taken_as_faces(project: Any, in_process: None, kind: str) -> None:
    name, text = AS_BOXES[kind]
    lay(project, {"a.png": "", name: text, "b.png": ""}, boxes={"old": kind})
    faces, rejected = found(project)
    assert faces[["source", *BOX]].values.tolist() == [["a.png", *FACE]]
    assert rejected == [("b.png", "no face found")], "where no box is given, faces are detected"


@pytest.mark.parametrize(
    ("kind", "photo", "file"),
    [
        ("yolo", "images/x/a.png", "labels/x/a.txt"),
        ("voc", "JPEGImages/a.png", "Annotations/a.xml"),
    ],
)
def test_formats_keep_boxes_in_a_folder_aside(
    project: Any, kind: str, photo: str, file: str
) -> None:
    folder = lay(project, {photo: "", file: AS_BOXES[kind][1]}, boxes={"old": kind})
    sources = [folder / photo, folder / file]
    assert list(read_given("old", sources, read_settings().extract_faces).by_photo) == sources[:1]


def test_boxes_of_photos_that_are_not_here_are_listed(project: Any, in_process: None) -> None:
    text = "source,x0,y0,x1,y1\na.png,20,10,80,90\ngone.png,1,1,9,9\nb.png,,,,\n"
    lay(project, {"a.png": "", "b.png": "", "all.csv": text}, boxes={"old": "csv"})
    faces, rejected = found(project)
    assert len(faces) == 1
    assert rejected == [
        ("all.csv", "boxes of photos that are not here: 1"),
        ("b.png", "no face found"),
    ]


def test_boxes_of_a_picture_of_another_shape_cost_that_picture(
    project: Any, in_process: None
) -> None:
    lay(project, {"a.png": "", "a.xml": VOC.format(10, 120, 90, 190)}, boxes={"old": "voc"})
    faces, rejected = found(project)
    words = "given box outside of the picture: 10, 120, 90, 190 in 200 x 100"
    assert faces.empty and rejected == [("a.png", words)]


def test_another_box_is_another_face_and_the_first_is_found_again(
    project: Any, in_process: None
) -> None:
    lay(project, {"a.png": "", "a.xml": VOC.format(*FACE)}, boxes={"old": "voc"})
    first, _ = found(project)
    lay(project, {"a.xml": VOC.format(30, 10, 90, 90)})
    second, _ = found(project)
    assert second["x0"].tolist() == [30]
    lay(project, {"a.xml": VOC.format(*FACE)})
    again, _ = found(project)
    assert first.equals(again)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("voc", "<annotation><object/></annotation>", "a.xml: object 1: no four numbers"),
        ("voc", VOC.format(9, 9, 9, 20), "a.xml: object 1: box without area"),
        ("voc", "<annotation>", "a.xml: no XML that can be read"),
        ("voc", "<html/>", "a.xml: <html> is not VOC's <annotation>"),
        ("voc", '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "no XML that can be"),
        ("yolo", "0 0.5 0.5 0.1 0.1\n0 20 10 80 90\n", "a.txt:2: no box; wanted: a class and"),
        ("yolo", "a caption", "a.txt:1: no four numbers"),
        ("yolo", "0 nan 0.5 0.1 0.1", "a.txt:1: no four numbers"),
        ("coco", "[]", "all.json: .*wanted: COCO's images"),
        (
            "coco",
            '{"images": [], "annotations": [{"image_id": 3, "bbox": []}]}',
            r"ations\[0\]: im",
        ),
        ("csv", "source,x0,y0,x1\n", "all.csv:1: no column 'y1'"),
        ("csv", "source,x0,y0,x1,y1\na.png,1,2,3,4\na.png,1,2,x,4\n", "all.csv:3: no four num"),
        ("csv", "source,x0,y0,x1,y1\na.png,1,2,3\n", "all.csv:2: no four numbers"),
    ],
)
def test_a_file_of_boxes_that_cannot_be_read_is_named_with_its_place(
    project: Any, kind: str, text: str, words: str
) -> None:
    lay(project, {"a.png": "", AS_BOXES[kind][0]: text}, boxes={"old": kind})
    with pytest.raises(FaceloopError, match=words):
        extract_faces.main("old")


def test_a_name_that_fits_two_photos_is_refused(project: Any) -> None:
    text = AS_BOXES["csv"][1]
    lay(project, {"x/a.png": "", "y/a.png": "", "all.csv": text}, boxes={"old": "csv"})
    with pytest.raises(FaceloopError, match=r"'a.png' is .*x/a.png or .*y/a.png: name it from"):
        extract_faces.main("old")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"crops": ["old/gone"]}, "data/raw/old/gone/, which is not here"),
        ({"boxes": {"old": "voc"}}, "holds no .xml file"),
        ({"crops": ["odl/in"]}, "unknown batch 'odl'; allowed: old"),
        ({"crops": ["../old"]}, "allowed: a batch, or a folder in it"),
        ({"crops": ["old", "old/in"]}, "'old/in' is named twice or lies in 'old'"),
        ({"crops": ["old"], "boxes": {"old": "csv"}}, "'old' is named twice"),
        ({"boxes": {"old": "xml"}}, "'xml'"),
    ],
)
def test_what_params_cannot_mean_is_refused(
    project: Any, wanted: dict[str, Any], words: str
) -> None:
    lay(project, {"a.png": ""}, **wanted)
    with pytest.raises(FaceloopError, match=words):
        extract_faces.main("old")


def test_videos_among_crops_are_looked_at(project: Any) -> None:
    folder = lay(project, {"a.png": ""}, crops=["old"])
    sources = [folder / "a.png", folder / "film.mp4"]
    given = read_given("old", sources, read_settings().extract_faces)
    assert given.by_photo == {folder / "a.png": CROP}
