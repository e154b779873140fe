"""The generator of drawn people: what it draws, and that it draws it again."""

import argparse
import csv
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from demo.batch import COLUMNS, deal_labels, draw_batch
from demo.person import EYEWEAR, Light, Pose, draw_person, sample_person
from demo.scene import draw_photo, place_people
from demo.video import draw_video_frames
from faceloop.base.errors import FaceloopError
from faceloop.commands import draw

PHOTOS, SECONDS, SEED = 8, 1.0, 3


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "batch"
    draw_batch(folder, folder.with_name("batch.truth.csv"), PHOTOS, SECONDS, SEED)
    return folder


def truth_rows(folder: Path) -> list[dict[str, str]]:
    with folder.with_name(f"{folder.name}.truth.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def box_of(row: dict[str, str]) -> tuple[int, int, int, int]:
    return int(row["x0"]), int(row["y0"]), int(row["x1"]), int(row["y1"])


def test_the_same_seed_draws_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    again = tmp_path / "batch"
    draw_batch(again, tmp_path / "batch.truth.csv", PHOTOS, SECONDS, SEED)
    files = sorted(path.relative_to(drawn) for path in drawn.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((drawn / file).read_bytes() == (again / file).read_bytes() for file in files)
    assert (
        drawn.with_name("batch.truth.csv").read_bytes()
        == (tmp_path / "batch.truth.csv").read_bytes()
    )


def test_the_truth_is_a_sorted_table_with_lf_line_ends(drawn: Path) -> None:
    text = drawn.with_name("batch.truth.csv").read_bytes()
    assert text.startswith(",".join(COLUMNS).encode() + b"\n") and b"\r" not in text
    keys = [(row["source"], int(row["frame"] or -1), int(row["x0"])) for row in truth_rows(drawn)]
    assert keys == sorted(keys)
    assert {row["label"] for row in truth_rows(drawn)} <= set(EYEWEAR)


def test_truth_boxes_lie_inside_the_upright_photos(drawn: Path) -> None:
    for row in truth_rows(drawn):
        if row["frame"]:
            wide, high = 640, 360
        else:
            with Image.open(drawn / row["source"]) as photo:
                wide, high = ImageOps.exif_transpose(photo).size
        x0, y0, x1, y1 = box_of(row)
        assert 0 <= x0 < x1 <= wide and 0 <= y0 < y1 <= high, row


def test_truth_frames_are_frames_of_the_video(drawn: Path) -> None:
    with av.open(str(drawn / "videos/walk.mp4")) as video:
        frames = sum(1 for _ in video.decode(video=0))
    assert frames == SECONDS * 12
    shown = {int(row["frame"]) for row in truth_rows(drawn) if row["frame"]}
    assert shown == set(range(frames))


def test_labels_are_dealt_in_the_asked_shares() -> None:
    shares = (("none", 0.6), ("glasses", 0.25), ("sunglasses", 0.15))
    dealt = Counter(deal_labels(np.random.default_rng(0), 200, shares))
    assert dealt == {"none": 120, "glasses": 50, "sunglasses": 30}


def test_unreadable_files_are_unreadable(drawn: Path) -> None:
    awkward = drawn / "awkward"
    assert (awkward / "empty.jpg").stat().st_size == 0
    for name, error in (
        ("empty.jpg", UnidentifiedImageError),
        ("text.jpg", UnidentifiedImageError),
        ("truncated.jpg", OSError),
    ):
        with pytest.raises(error):
            Image.open(awkward / name).load()
    with pytest.raises(av.FFmpegError):
        av.open(str(awkward / "truncated.mp4"))
    unreadable = {"empty.jpg", "text.jpg", "truncated.jpg", "truncated.mp4"}
    assert not unreadable & {Path(row["source"]).name for row in truth_rows(drawn)}


def test_readable_awkward_files_are_awkward(drawn: Path) -> None:
    awkward = drawn / "awkward"
    with Image.open(awkward / "rotated.jpg") as rotated:
        assert rotated.getexif()[0x0112] == 6 and rotated.size == (640, 480)
    with Image.open(awkward / "transparent.png") as transparent:
        assert transparent.mode == "RGBA" and transparent.getextrema()[3] == (0, 255)
    assert (awkward / "nobody.jpg").is_file()
    people = Counter(row["source"] for row in truth_rows(drawn))
    assert people["awkward/rotated.jpg"] == 2 and people["awkward/transparent.png"] == 1
    assert people["awkward/nobody.jpg"] == 0


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(ValueError, match="name a new one or empty it"):
        draw_batch(tmp_path, tmp_path / "truth.csv", 1, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.jpg"]


def test_an_unknown_kind_of_eyewear_is_refused() -> None:
    with pytest.raises(ValueError, match="monocle"):
        sample_person(np.random.default_rng(0), "monocle")


def test_a_face_box_is_about_as_high_as_asked() -> None:
    rng = np.random.default_rng(1)
    for face_px in (30, 90, 200):
        person = sample_person(rng, "none")
        sheet, (x0, y0, x1, y1) = draw_person(person, face_px, Pose(), Light(), rng)
        assert abs((y1 - y0) / face_px - 1) < 0.1
        assert 0 < x0 < x1 < sheet.width and 0 < y0 < y1 < sheet.height


def test_nobody_hides_a_face() -> None:
    rng = np.random.default_rng(2)
    for count in (1, 4, 8):
        spots = place_people(rng, count, (640, 480))
        assert len(spots) == count
        for place, nearer in enumerate(spots):
            assert not any(nearer.covers(farther) for farther in spots[:place])


def test_a_video_cuts_to_other_people() -> None:
    frames = [
        np.asarray(picture, float)
        for picture, _ in draw_video_frames(np.random.default_rng(4), 1.0, 12, (160, 90))
    ]
    steps = [
        np.abs(after - before).mean() for before, after in zip(frames, frames[1:], strict=False)
    ]
    assert max(steps) > 3 * np.median(steps)


def test_the_command_draws_and_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    draw.add_arguments(parser)
    folder = tmp_path / "batch"
    args = parser.parse_args([str(folder), "--photos", "2", "--video-seconds", "0"])
    assert draw.run(args) == 0
    assert "drew 5 photos" in capsys.readouterr().out  # two and three awkward ones
    assert (tmp_path / "batch.truth.csv").is_file()
    with pytest.raises(FaceloopError, match="batch.truth.csv is there already"):
        draw.run(args)
    args.truth = tmp_path / "other.csv"
    with pytest.raises(FaceloopError, match="empty it first"):
        draw.run(args)


def test_a_face_detector_finds_drawn_faces() -> None:
    facenet_pytorch = pytest.importorskip("facenet_pytorch")
    detector = facenet_pytorch.MTCNN(keep_all=True, min_face_size=24)
    rng, found, people = np.random.default_rng(5), 0, 0
    for place in ("room", "park", "street", "studio", "shelves", "beach"):
        wearers = [sample_person(rng, eyewear) for eyewear in EYEWEAR]
        photo, faces = draw_photo(rng, wearers, (640, 480), place)
        boxes, _ = detector.detect(photo)
        people += len(faces)
        for (x0, y0, x1, y1), _ in faces:
            middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
            found += any(
                left < middle_x < right and top < middle_y < bottom
                for left, top, right, bottom in (boxes if boxes is not None else [])
            )
    assert found >= 0.8 * people
