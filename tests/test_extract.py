"""Extraction on a tiny drawn batch: every face is told, every file is accounted for."""

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_house import package_of, reached_from

from faceloop.base.code import WITHOUT_RESULT, sha256_of
from faceloop.base.storage import FACES_DIR, read_csv
from faceloop.base.tables import as_table
from faceloop.commands.settings import read_settings
from faceloop.crops.boxes import boxes_of, iou, match_boxes
from faceloop.crops.face_table import FACES, FOUND, LANDMARKS, read_batch
from faceloop.crops.packs import decode_crop, read_crops
from faceloop.faces.batch_files import list_sources
from faceloop.faces.extracted import WORK_DIR, is_finished, read_rejected, writing
from faceloop.faces.face import REJECTED
from faceloop.faces.params import ExtractFaces
from faceloop.faces.sources import CODE, HOW_LONG, OF_VIDEOS, Source, extract_source, folder_of
from faceloop.pool.features import read_embeddings
from faceloop.workers.local import still_alive
from stages import extract_faces

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


def test_a_photo_that_is_used_in_part_and_shows_nobody_is_listed_with_both(
    project: Any, in_process: None
) -> None:
    noise = np.random.default_rng(0).integers(0, 60, (300, 200, 3), dtype=np.uint8)
    path = Path("cut.jpg")
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-1500])
    project.set({"batches": ["drawn"]})
    source, settings = Source(path, sha256_of(path)), read_settings().extract_faces
    extract_source(source, settings, "cpu", threads=1)
    cut_off, nobody = read_rejected(folder_of(source, settings))
    assert cut_off.startswith("its end is cut off: about row ") and nobody == "no face found"


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


def killed_run(seconds: float) -> int:
    """Start the stage in a process of its own, and kill that after a while of extraction."""
    running = get_context("forkserver").Process(target=extract_faces.main, args=("drawn",))
    running.start()
    began = time.monotonic()
    while not list(WORK_DIR.glob("*")) and running.is_alive():
        assert time.monotonic() < began + 60, "it never began"
        time.sleep(0.01)
    running.join(seconds)
    running.kill()
    running.join()
    return int(running.exitcode or 0)


@pytest.mark.slow
def test_killed_ten_times_it_goes_on_and_gives_the_same_bytes(project: Any, drawn: Any) -> None:
    folder = small_batch(project, drawn)
    shutil.copyfile(drawn.root / "data/raw/drawn/videos/walk.mp4", folder / "walk.mp4")
    began = time.monotonic()
    extract_faces.main("drawn")
    took_s, whole = time.monotonic() - began, outs_of(project)
    assert sorted(whole) == OUTS
    rng = np.random.default_rng(3)
    codes = []
    for at in range(10):
        if at % 3 == 0:  # from nothing; else from where the last one was killed
            shutil.rmtree(WORK_DIR)
        for name in OUTS:
            (FACES_DIR / name).unlink(missing_ok=True)
        codes.append(killed_run(rng.uniform(0, took_s)))
        left = outs_of(project)
        assert all(left[name] == whole[name] for name in set(left) & set(OUTS))
    assert -signal.SIGKILL in codes
    extract_faces.main("drawn")
    assert {name: outs_of(project)[name] for name in OUTS} == whole


def test_a_run_that_is_killed_while_it_writes_leaves_no_half_an_out(
    project: Any, drawn: Any
) -> None:
    small_batch(project, drawn)
    extract_faces.main("drawn")
    whole = outs_of(project)
    for name in OUTS:
        (FACES_DIR / name).unlink()
    dying = "import os\nfrom stages import extract_faces\n"
    dying += "os.fsync = lambda _: os.kill(os.getpid(), 9)\nextract_faces.main('drawn')"
    killed = subprocess.run([sys.executable, "-c", dying], env={"PYTHONPATH": str(ROOT)})
    assert killed.returncode == -signal.SIGKILL
    assert not set(outs_of(project)) & set(OUTS)
    extract_faces.main("drawn")
    assert {name: outs_of(project)[name] for name in OUTS} == whole


def noting(source: Source, settings: ExtractFaces, device: str, threads: int) -> None:
    """Extract a source, and note that it was."""
    with open("extracted.txt", "a") as notes:
        notes.write(f"{source.path.name}\n")
    extract_source(source, settings, device, threads)


def test_a_batch_that_grew_looks_at_the_new_file_alone(
    project: Any, drawn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_batch(project, drawn, 4)
    monkeypatch.setattr(extract_faces, "extract_source", noting)
    extract_faces.main("drawn")
    first = (project.root / "extracted.txt").read_text().split()
    assert sorted(first) == sorted(path.name for path in folder.iterdir())
    before = read_batch("drawn")
    shutil.copyfile(drawn.root / "data/raw/drawn/videos/walk.mp4", folder / "walk.mp4")
    (folder / "rotated.jpg").rename(folder / "renamed.jpg")
    extract_faces.main("drawn")
    assert (project.root / "extracted.txt").read_text().split() == [*first, "walk.mp4"]
    after = read_batch("drawn")
    assert set(before["face_id"]) < set(after["face_id"])
    assert "renamed.jpg" in set(after["source"])


def test_of_two_that_finish_the_same_source_the_first_counts(project: Any) -> None:
    folder = WORK_DIR / "one"
    with writing(folder) as slow:
        slow.reject("slow")
        with writing(folder) as quick:
            quick.reject("quick")
    assert read_rejected(folder) == {"quick": 1}
    assert [path.name for path in WORK_DIR.iterdir()] == ["one"]


@pytest.mark.parametrize("name", ["crops", "faces.jsonl", "summary.json"])
def test_work_that_a_power_cut_left_is_done_again(project: Any, name: str) -> None:
    folder = WORK_DIR / "one"
    with writing(folder) as writer:
        writer.add({"face_id": "f"}, b"jpeg")
    assert is_finished(folder)
    (folder / name).write_bytes(b"")
    assert not is_finished(folder) and not folder.exists()
    assert not is_finished(folder)


def test_work_that_fails_leaves_nothing(project: Any) -> None:
    with pytest.raises(OSError, match="disk"), writing(WORK_DIR / "one"):
        raise OSError("disk full")
    assert list(WORK_DIR.iterdir()) == []


@pytest.mark.parametrize("change", [{"margin": 0.3}, {"faces_per_track": 5}])
def test_work_of_other_params_is_not_taken(drawn: Any, change: dict[str, Any]) -> None:
    with drawn.here():
        settings = read_settings().extract_faces
        source = Source(Path("data/raw/drawn/videos/walk.mp4"), "0" * 64)
        other = folder_of(source, settings.model_copy(update=change))
        assert folder_of(source, settings) != other
        assert folder_of(source._replace(digest="1" * 64), settings) not in (other, source)


@pytest.mark.parametrize(
    ("change", "photos_last", "videos_last"),
    [
        ({"stall_seconds": 7.0}, True, True),
        ({"frames_per_second": 1.0}, True, False),
        ({"faces_per_track": 5}, True, False),
        ({"max_megapixels": 7.0}, False, False),
        ({"min_sharpness": 0.5}, False, False),
        ({"precision": "bfloat16"}, False, False),
    ],
)
def test_finished_work_lasts_through_changes_that_decide_nothing(
    drawn: Any, change: dict[str, Any], photos_last: bool, videos_last: bool
) -> None:
    with drawn.here():
        settings = read_settings().extract_faces
    for suffix, lasts in ((".jpg", photos_last), (".txt", photos_last), (".MP4", videos_last)):
        source = Source(Path(f"one{suffix}"), "0" * 64)
        later = folder_of(source, settings.model_copy(update=change))
        assert (folder_of(source, settings) == later) == lasts


def test_params_that_are_left_out_of_the_key_are_params() -> None:
    assert set(ExtractFaces.model_fields) > HOW_LONG | OF_VIDEOS
    assert not HOW_LONG & OF_VIDEOS


def dying(source: Source, settings: ExtractFaces, device: str, threads: int) -> None:
    """Extract a source, but crash at one and hang at another."""
    if source.path.name == "rotated.jpg":
        os.kill(os.getpid(), signal.SIGSEGV)
    if source.path.name == "empty.jpg":
        still_alive(0.1)
        time.sleep(60)
    extract_source(source, settings, device, threads)


def test_a_source_that_crashes_and_one_that_hangs_cost_themselves_alone(
    project: Any, drawn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_batch(project, drawn, 4)
    extract_faces.main("drawn")
    whole = read_batch("drawn")
    shutil.rmtree(WORK_DIR)
    with monkeypatch.context() as patched:
        patched.setattr(extract_faces, "extract_source", dying)
        extract_faces.main("drawn")
    rejected = read_csv(FACES_DIR / "drawn.rejected.csv", REJECTED)
    reasons = rejected.set_index("source")["reason"]
    assert reasons["rotated.jpg"] == f"its decoder crashed (exit code {-signal.SIGSEGV})"
    assert reasons["empty.jpg"] == "no further picture in stall_seconds (120)"
    rest = whole[whole["source"] != "rotated.jpg"].reset_index(drop=True)
    pd.testing.assert_frame_equal(read_batch("drawn")[list(FOUND)], rest[list(FOUND)])
    assert (folder / "rotated.jpg").is_file()
    extract_faces.main("drawn")  # what was lost is tried again
    pd.testing.assert_frame_equal(read_batch("drawn"), whole)


def test_of_a_track_no_more_faces_are_kept_than_asked_for(project: Any, drawn: Any) -> None:
    folder = small_batch(project, drawn, 1)
    shutil.copyfile(drawn.root / "data/raw/drawn/videos/walk.mp4", folder / "walk.mp4")
    project.set({"extract_faces.frames_per_second": 5})
    extract_faces.main("drawn")
    every = read_batch("drawn")
    every = every[every["source"] == "walk.mp4"]
    assert every.groupby("group").size().max() > 2
    project.set({"extract_faces.faces_per_track": 2})
    extract_faces.main("drawn")
    kept = read_batch("drawn")
    kept = kept[kept["source"] == "walk.mp4"]
    per_track = every.groupby("group").size()
    assert kept.groupby("group").size().to_dict() == per_track.clip(upper=2).to_dict()
    assert set(kept["face_id"]) < set(every["face_id"])
    assert kept["duplicate_of"].dropna().isin(kept["face_id"]).all()
    rejected = read_csv(FACES_DIR / "drawn.rejected.csv", REJECTED).set_index("reason")["count"]
    dropped = rejected["track has better faces: faces_per_track (2)"]
    assert dropped == len(every) - len(kept)
    assert len(list(read_crops("drawn", kept["face_id"].tolist()))) == len(kept)


def test_the_key_of_finished_work_covers_all_code_that_it_depends_on() -> None:
    source = Path(find_spec("faceloop.faces.sources").origin)
    reached = {package_of(name) for name in reached_from(source)} | {"faces"}
    assert set(CODE) == reached - {*WITHOUT_RESULT}


def test_the_key_of_finished_work_is_not_of_how_long_a_source_may_take(project: Any) -> None:
    source, settings = Source(Path("a.jpg"), "0" * 64), read_settings().extract_faces
    patient = settings.model_copy(update={"stall_seconds": 9999.0})
    closer = settings.model_copy(update={"min_face_px": 48})
    assert folder_of(source, patient) == folder_of(source, settings) != folder_of(source, closer)


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
