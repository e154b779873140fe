"""Extraction on a tiny drawn batch: every face is told, every file is accounted for."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import extract_faces
from stages.core.anchors import iou, match_boxes
from stages.core.records import FACES, LANDMARKS, REJECTED, as_table, boxes_of
from stages.files.crops import decode_crop, read_crops
from stages.files.media import list_sources, sha256_of
from stages.files.tables import FACES_DIR, read_batch, read_csv, read_embeddings

ROOT = Path(__file__).resolve().parents[1]
OUTS = ["drawn.parquet", "drawn.rejected.csv", "drawn.zip"]


@pytest.fixture
def there(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The drawn project as the working folder."""
    monkeypatch.chdir(drawn.root)
    return drawn


@pytest.fixture
def faces(there: Any) -> pd.DataFrame:
    return read_batch("drawn")


def test_the_table_has_the_columns_and_types_of_the_contract(faces: pd.DataFrame) -> None:
    assert len(faces) > 10
    assert faces.dtypes.equals(as_table(faces, FACES).dtypes)
    required = [name for name in FACES if name not in ("frame", "time_s", "duplicate_of")]
    assert not faces[required].isna().any(axis=None)


def test_faces_are_unique_and_sorted_by_place(faces: pd.DataFrame) -> None:
    assert faces["face_id"].is_unique and faces["face_id"].str.fullmatch("[0-9a-f]{16}").all()
    order = faces.sort_values(["source", "frame", "x0", "face_id"])
    assert order.index.tolist() == list(range(len(faces)))


def test_boxes_and_landmarks_lie_in_the_upright_source(faces: pd.DataFrame) -> None:
    for source, rows in faces.groupby("source"):
        wide, high = (640, 360)
        if not str(source).endswith(".mp4"):
            with Image.open(f"data/raw/drawn/{source}") as photo:
                turned = photo.getexif().get(0x0112) == 6
                wide, high = photo.size[::-1] if turned else photo.size
        assert (rows[["x0", "y0"]] >= 0).all(axis=None)
        assert (rows["x1"] <= wide).all() and (rows["y1"] <= high).all()
        assert (rows["x0"] < rows["x1"]).all() and (rows["y0"] < rows["y1"]).all()
        middle = rows[["nose_x", "nose_y"]].to_numpy()
        inside = (middle >= rows[["x0", "y0"]].to_numpy()) & (
            middle <= rows[["x1", "y1"]].to_numpy()
        )
        assert inside.all() and len(LANDMARKS) == 10


def test_every_face_passes_the_filters(faces: pd.DataFrame) -> None:
    longer = np.maximum(faces["x1"] - faces["x0"], faces["y1"] - faces["y0"])
    assert longer.min() >= 24 and faces["probability"].between(0.9, 1).all()
    assert (faces["sharpness"] >= 0.001).all()


def test_digests_are_of_the_sources(faces: pd.DataFrame) -> None:
    for source, rows in faces.groupby("source"):
        assert set(rows["source_sha256"]) == {sha256_of(Path(f"data/raw/drawn/{source}"))}


def test_photos_have_no_frame_and_their_own_group(faces: pd.DataFrame) -> None:
    photos = faces[~faces["source"].str.endswith(".mp4") & faces["duplicate_of"].isna()]
    assert photos[["frame", "time_s"]].isna().all(axis=None)
    assert (photos["group"] == photos["source_sha256"].str[:16]).all()


def test_video_faces_have_frames_times_and_tracks(faces: pd.DataFrame) -> None:
    video = faces[faces["source"] == "videos/walk.mp4"]
    assert set(video["frame"]) <= {0, 6, 12, 18} and video["frame"].nunique() > 1
    assert ((video["time_s"] - video["frame"] / 12).abs() < 0.001).all()
    assert (video["group"].str.partition("#")[0] == video["source_sha256"].str[:16]).all()
    assert video["group"].str.fullmatch(r"[0-9a-f]{16}#\d{4}").all()
    assert not video.duplicated(["frame", "group"]).any(), "a person is once in a frame"
    assert video["group"].nunique() < len(video)


def test_duplicates_point_to_originals_of_their_own_group(faces: pd.DataFrame) -> None:
    group = faces.set_index("face_id")["group"]
    copies = faces[faces["duplicate_of"].notna()]
    assert len(copies)
    for _, copy in copies.iterrows():
        assert group[copy["duplicate_of"]] == copy["group"]
    assert not set(copies["duplicate_of"]) & set(copies["face_id"])


def test_a_file_copied_gives_copies_of_each_face(faces: pd.DataFrame) -> None:
    twin = "photos/a-twin.jpg"
    digest = sha256_of(Path("data/raw/drawn") / twin)
    both = faces[faces["source_sha256"] == digest]
    assert set(both["source"].value_counts()) == {len(both) // 2} and both["source"].nunique() == 2
    copies, originals = both[both["duplicate_of"].notna()], both[both["duplicate_of"].isna()]
    assert set(copies["duplicate_of"]) == set(originals["face_id"]) and len(copies) == len(
        originals
    )
    assert copies["source"].nunique() == originals["source"].nunique() == 1
    crops = [
        list(read_crops("drawn", part.sort_values("x0")["face_id"])) for part in (copies, originals)
    ]
    assert crops[0] == crops[1]


def test_every_file_gave_faces_or_stands_among_the_rejected(faces: pd.DataFrame) -> None:
    rejected = read_csv(FACES_DIR / "drawn.rejected.csv", REJECTED)
    sources = {path.relative_to("data/raw/drawn").as_posix() for path in list_sources("drawn")}
    assert set(faces["source"]) | set(rejected["source"]) == sources


def test_awkward_files_are_listed_with_their_reasons(there: Any) -> None:
    rejected = read_csv(FACES_DIR / "drawn.rejected.csv", REJECTED).set_index("source")["reason"]
    for name, words in (
        ("empty.jpg", "empty file"),
        ("nobody.jpg", "no face found"),
        ("text.jpg", "not a photo, in spite of its name"),
        ("truncated.jpg", "damaged photo"),
        ("truncated.mp4", "damaged video at 0.0 s"),
    ):
        assert words in rejected[f"awkward/{name}"]


def test_every_face_has_its_crop(faces: pd.DataFrame) -> None:
    crops = [decode_crop(one) for one in read_crops("drawn", faces["face_id"])]
    assert {one.shape for one in crops} == {(160, 160, 3)}
    assert read_embeddings("drawn").shape == (len(faces), 256)


def test_most_drawn_people_are_found(faces: pd.DataFrame) -> None:
    truth = pd.read_csv("data/raw/drawn.truth.csv")
    found = people = 0
    for source, rows in truth[truth["frame"].isna()].groupby("source"):
        here = faces[faces["source"] == source]
        people += len(rows)
        found += len(match_boxes(iou(boxes_of(here), boxes_of(rows)), 0.4))
    assert people >= 10 and found >= 0.85 * people


def small_batch(project: Any, drawn: Any, n: int = 3) -> Path:
    """Lay a few drawn photos and an awkward file into a fresh project's batch."""
    folder = project.root / "data/raw/drawn"
    folder.mkdir(parents=True)
    photos = sorted((drawn.root / "data/raw/drawn/awkward").glob("*.[jp][pn]g"))
    for photo in photos[-n:]:
        (folder / photo.name).write_bytes(photo.read_bytes())
    (folder / "empty.jpg").write_bytes(b"")
    project.set({"batches": ["drawn"]})
    return folder


def outs_of(project: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project.root / FACES_DIR).glob("drawn.*")}


# A run that is killed at its third file, and one that is killed while it writes its first out.
KILLED_AT_THE_THIRD_FILE = """
real, calls = extract_faces.extract_source, []
def dying(*words):
    calls.append(words)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*words)
extract_faces.extract_source = dying
"""
KILLED_WHILE_WRITING = """
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("dying", [KILLED_AT_THE_THIRD_FILE, KILLED_WHILE_WRITING])
def test_a_killed_run_leaves_no_out_and_the_next_gives_the_same_bytes(
    project: Any, drawn: Any, dying: str
) -> None:
    small_batch(project, drawn)
    extract_faces.main("drawn")
    whole = outs_of(project)
    assert sorted(whole) == OUTS
    for name in OUTS:
        (project.root / FACES_DIR / name).unlink()
    code = (
        f"import os, signal\nfrom stages import extract_faces\n{dying}\nextract_faces.main('drawn')"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not set(outs_of(project)) & set(OUTS)
    extract_faces.main("drawn")
    assert {name: outs_of(project)[name] for name in OUTS} == whole


def test_a_batch_of_nothing_but_bad_files_gives_empty_tables(project: Any) -> None:
    folder = project.root / "data/raw/drawn"
    folder.mkdir(parents=True)
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "tiny.png").write_bytes(b"")
    Image.new("RGB", (5, 5)).save(folder / "tiny.png")
    project.set({"batches": ["drawn"]})
    extract_faces.main("drawn")
    assert len(read_batch("drawn")) == 0
    rejected = read_csv(FACES_DIR / "drawn.rejected.csv", REJECTED)
    assert rejected.values.tolist() == [
        ["empty.jpg", "empty file", 1],
        ["tiny.png", "no face found", 1],
    ]


def test_a_stricter_filter_counts_what_it_throws_out(project: Any, drawn: Any) -> None:
    small_batch(project, drawn)
    extract_faces.main("drawn")
    before = len(read_batch("drawn"))
    project.set({"extract_faces.min_sharpness": 1000.0})
    extract_faces.main("drawn")
    rejected = read_csv(FACES_DIR / "drawn.rejected.csv", REJECTED)
    blurred = rejected[rejected["reason"] == "face below min_sharpness (1000)"]
    assert len(read_batch("drawn")) == 0 and blurred["count"].sum() == before > 0


def test_a_photo_is_read_though_a_copy_has_no_photos_name(project: Any, drawn: Any) -> None:
    folder = small_batch(project, drawn, n=4)
    for path in list(folder.glob("*.jpg")):
        path.with_suffix(".bak").write_bytes(path.read_bytes())
    extract_faces.main("drawn")
    assert "rotated.jpg" in set(read_batch("drawn")["source"])
