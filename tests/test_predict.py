"""`faceloop predict`: what the pipeline would have said, in aggregate, from the release alone."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from test_embed import write_onnx

from faceloop.base.errors import FaceloopError
from faceloop.commands.cli import main
from faceloop.commands.labelling.vote import label_by_truth, read_truth
from faceloop.commands.release import predict as predict_command
from faceloop.commands.release.new_faces import Classifier
from faceloop.commands.release.predict import PredictFigures, summarise_faces
from faceloop.commands.release.release import write_checksums
from faceloop.commands.release.released_model import ReleasedModel, read_release
from faceloop.commands.rounds import next_round
from faceloop.crops.face_table import read_batch
from faceloop.model.head import predict
from faceloop.model.head_files import read_head
from faceloop.pool.features import read_features

CLASSES = ["none", "glasses", "sunglasses"]
P = [f"p_{name}" for name in CLASSES]


@pytest.fixture(scope="module")
def released(drawn: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the drawn project, labelled by its truth, with a release beside it."""
    home = tmp_path_factory.mktemp("released")
    root = home / "project"
    shutil.copytree(drawn.root, root)
    project = type(drawn)(root, fresh=False)
    with project.here(), pytest.MonkeyPatch.context() as patch:
        faces = read_batch("drawn")
        asked = faces[faces["duplicate_of"].isna()]["face_id"].tolist()
        project.add_queue("o00-i00", asked, batch="drawn", validation=len(asked) // 2)
        path = project.queue("o00-i00")
        queue = pd.read_csv(path)
        queue.loc[queue["purpose"] == "validation", "inclusion_probability"] = 0.5
        queue.to_csv(path, index=False)
        truth = read_truth(root / "data/raw/drawn.truth.csv", CLASSES)
        labels = label_by_truth(queue, truth).where(lambda found: found != "", "not_a_face")
        project.add_votes("o00-i00", "ana", dict(zip(queue["face_id"], labels, strict=True)))
        project.repro()
        patch.setattr(next_round, "stale_stages", lambda: [])
        assert main(["release", str(home / "release")]) == 0
    return project


def run(capsys: Any, *words: object) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["predict", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.fixture
def elsewhere(released: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that is no project; the release lies at ../release of the project."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(released.root.parent / "release", tmp_path / "release")
    return released.root / "data/raw/drawn"


def test_each_face_gets_what_the_pipeline_would_say(
    released: Any, elsewhere: Path, capsys: Any
) -> None:
    code, _ = run(capsys, elsewhere, "--release", "release", "--per-face", "faces.csv")
    assert code == 0
    found = pd.read_csv("faces.csv")
    found["source"] = [Path(one).relative_to(elsewhere).as_posix() for one in found["source"]]
    with released.here():
        faces = read_batch("drawn")
        p = predict(
            read_head(Path("models/o00-i00.safetensors")),
            read_features(faces, ["drawn"]).astype("f2"),
        )
    wanted = faces.assign(**dict(zip(P, p.T, strict=True)))
    twins = wanted.groupby("source_sha256")["source"].transform("nunique") > 1
    assert twins.any(), "the drawn batch holds a photo twice"
    place = ["source", "frame", "x0", "y0", "x1", "y1"]
    both = found.merge(wanted, on=place, how="outer", suffixes=("", "_pipeline"), indicator=True)
    assert (both.loc[both["_merge"] != "both", "source_sha256"].isin(
        wanted.loc[twins, "source_sha256"])).all()  # fmt: skip
    same = both[both["_merge"] == "both"]
    assert len(same) > 15
    for name in P:
        np.testing.assert_allclose(same[name], same[f"{name}_pipeline"], atol=2e-3)


def test_a_photo_that_lies_there_twice_counts_once(
    released: Any, elsewhere: Path, tmp_path: Path, capsys: Any
) -> None:
    photo = sorted((elsewhere / "photos").rglob("*.jpg"))[-1]
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(photo, tmp_path / name)
    run(capsys, "a.jpg", "--release", "release", "--json", "one.json")
    run(capsys, "a.jpg", "b.jpg", "--release", "release", "--json", "two.json")
    one, two = (json.loads(Path(name).read_text()) for name in ("one.json", "two.json"))
    assert two["photo_faces"] == one["photo_faces"] > 0
    assert two["left_out"]["copy of another file"] == 1


def test_of_crops_nothing_is_detected(elsewhere: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "crops").mkdir()
    for at in range(3):
        noise = np.random.default_rng(at).integers(0, 255, (90, 90, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"crops/{at}.png")
    for more, faces in ([], 0), (["--crops"], 3):
        name = f"{faces}.json"
        assert run(capsys, "crops", "--release", "release", "--json", name, *more)[0] == 0
        assert json.loads(Path(name).read_text())["photo_faces"] == faces


def test_what_is_lost_of_a_file_that_is_used_is_counted(
    elsewhere: Path, tmp_path: Path, capsys: Any
) -> None:
    photo = sorted((elsewhere / "photos").rglob("*.jpg"))[-1].read_bytes()
    (tmp_path / "cut.jpg").write_bytes(photo[: len(photo) * 98 // 100])
    assert run(capsys, "cut.jpg", "--release", "release", "--json", "cut.json")[0] == 0
    told = json.loads(Path("cut.json").read_text())
    assert told["left_out"]["its end is cut off"] == 1 and told["photo_faces"] > 0


def test_too_few_faces_give_no_share(elsewhere: Path, capsys: Any) -> None:
    photo = sorted((elsewhere / "photos").rglob("*.jpg"))[0]
    code, said = run(capsys, photo, "--release", "release")
    assert code == 0 and "too few to tell" in said
    assert not any(name in said for name in CLASSES)


def test_nothing_about_a_single_face_is_written_unless_asked(
    elsewhere: Path, tmp_path: Path, capsys: Any
) -> None:
    before = set(tmp_path.rglob("*"))
    _, said = run(capsys, elsewhere, "--release", "release/model", "--json", "shares.json")
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "shares.json"}
    text = said + Path("shares.json").read_text()
    assert ".jpg" not in text and ".mp4" not in text


def test_bad_files_are_counted_and_missing_ones_refused(
    elsewhere: Path, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").write_text("no picture")
    code, said = run(capsys, "empty.jpg", "notes.txt", "--release", "release")
    assert code == 0 and "1 x empty file" in said and "1 x no photo or video" in said
    code, said = run(capsys, "nowhere", "--release", "release")
    assert code == 2 and "nowhere is not here" in said


def test_a_folder_that_is_no_release_is_refused(elsewhere: Path, capsys: Any) -> None:
    code, said = run(capsys, elsewhere, "--release", elsewhere)
    assert code == 2 and "faceloop release" in said


def edit_model(**changes: Any) -> None:
    """Edit model.json of the release, and its checksum with it."""
    path = Path("release/model/model.json")
    about = json.loads(path.read_text())
    for key, value in changes.items():
        about[key] |= value
    path.write_text(json.dumps(about))
    write_checksums(path.parent)


@pytest.mark.parametrize("name", ["model.json", "head.safetensors", "calibration.npy"])
def test_a_release_that_is_not_what_was_written_is_refused(
    elsewhere: Path, capsys: Any, name: str
) -> None:
    path = Path("release/model", name)
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1) + b" ")
    code, said = run(capsys, elsewhere, "--release", "release")
    assert code == 2 and f"{path} is not the file that was released" in said
    Path("release/model/SHA256SUMS").unlink()
    code, said = run(capsys, elsewhere, "--release", "release")
    assert code == 2 and "SHA256SUMS is not here" in said


def test_a_card_may_be_edited(elsewhere: Path) -> None:
    Path("release/model/README.md").write_text("Answers.")
    assert read_release(Path("release"), None).about.round == "o00-i00"


PIXELS = {"channels": "rgb", "mean": 127.5, "scale": 128.0}
ONNX = {
    "empty": (lambda path: path.touch(), "is empty, damaged or no ONNX model"),
    "no model": (lambda path: path.write_bytes(b"GIF89a" * 9), "is empty, damaged or no ONNX"),
    "of no pictures": (
        lambda path: shutil.copy("release/model/head.onnx", path),
        "takes tensor(float) of shape ['n', 256]; allowed: pictures",
    ),
    "of another width": (write_onnx, "gives 48 numbers a face, and the model takes 256"),
    "of one picture": (lambda path: write_onnx(path, batch=2), "no embedding a picture"),
}


@pytest.mark.parametrize("kind", ONNX)
def test_a_foreign_onnx_embedder_is_refused_in_one_sentence(
    elsewhere: Path, capsys: Any, kind: str
) -> None:
    pytest.importorskip("onnxruntime")
    write, words = ONNX[kind]
    edit_model(
        embed={"model": "models/embedders/mine.onnx"}, embedder={"sha256": None, "pixels": PIXELS}
    )
    write(Path("mine.onnx"))
    photo = sorted((elsewhere / "photos").rglob("*.jpg"))[0]
    code, said = run(capsys, photo, "--release", "release", "--embedder", "mine.onnx")
    assert code == 2 and words in said and "Traceback" not in said
    assert len([line for line in said.splitlines() if line.startswith("error: ")]) == 1


def test_other_weights_of_the_embedder_are_warned_about(elsewhere: Path, capsys: Any) -> None:
    edit_model(embedder={"sha256": "0" * 64})
    photo = sorted((elsewhere / "photos").rglob("*.jpg"))[0]
    _, said = run(capsys, photo, "--release", "release")
    assert "weights here are not the release's" in said


def test_an_onnx_embedder_must_be_here(elsewhere: Path, capsys: Any) -> None:
    edit_model(embed={"model": "models/embedders/mine.onnx"})
    code, said = run(capsys, elsewhere, "--release", "release")
    assert code == 2 and "models/embedders/mine.onnx" in said and "--embedder" in said
    Path("release/model/mine.onnx").touch()
    assert read_release(Path("release"), None).embed.model == "release/model/mine.onnx"


def test_a_per_face_table_stays_out_of_a_project(
    released: Any, elsewhere: Path, capsys: Any
) -> None:
    with released.here():
        words = (elsewhere, "--release", "../release", "--per-face", "faces.csv")
        code, said = run(capsys, *words)
    assert code == 2 and "inside the project" in said


def test_a_file_that_is_there_is_not_overwritten(elsewhere: Path, capsys: Any) -> None:
    Path("mine.json").write_text("mine")
    code, said = run(capsys, elsewhere, "--release", "release", "--json", "mine.json")
    assert code == 2 and "mine.json is there already" in said
    assert Path("mine.json").read_text() == "mine"


# How faces are counted


def face(kind: str, group: str, frame: int | None = None, twin: str | None = None) -> dict:
    p = dict(zip(P, np.eye(3)[CLASSES.index(kind)] * 0.8 + 0.1, strict=True))
    return {"source": group.partition("#")[0], "frame": frame, "group": group,
            "duplicate_of": twin} | p  # fmt: skip


@pytest.fixture
def model(elsewhere: Path) -> ReleasedModel:
    return read_release(Path("release"), None)


def counted(rows: list[dict], model: ReleasedModel) -> PredictFigures:
    return summarise_faces(pd.DataFrame(rows), Counter(), 1, model, other_weights=False)


def test_a_track_counts_once_as_a_face_and_by_its_frames_on_screen(model: ReleasedModel) -> None:
    rows = [face("none", f"photo{at}") for at in range(30)]
    rows += [face("glasses", f"v#{at:04d}", 0) for at in range(30)]
    rows += [face("sunglasses", "v#0099", frame) for frame in range(60)]
    found = counted(rows, model)
    assert (found.photo_faces, found.tracks) == (30, 31)
    shares = {name: one.value for name, one in found.faces.predicted.items()}
    assert shares == pytest.approx({"none": 30 / 61, "glasses": 30 / 61, "sunglasses": 1 / 61})
    on_screen = {name: one.value for name, one in found.screen_time.predicted.items()}
    assert on_screen == pytest.approx({"none": 0, "glasses": 30 / 90, "sunglasses": 60 / 90})
    assert found.screen_seconds == 90 / model.extract_faces.frames_per_second


def test_a_near_duplicate_is_on_screen_and_no_face_of_its_own(model: ReleasedModel) -> None:
    rows = [face("none", f"v#{at:04d}", 0) for at in range(40)]
    mixed = [face("glasses", "v#0099", 0), face("none", "v#0099", 1)]
    twins = [face("none", "v#0099", 2 + at, "first") for at in range(8)]
    found = counted(rows + mixed + twins, model)
    assert found.faces.predicted["glasses"].value == pytest.approx(0.5 / 41)
    assert found.screen_time.predicted["glasses"].value == pytest.approx(1 / 50)


def test_a_class_with_too_few_drawn_faces_is_not_corrected(model: ReleasedModel) -> None:
    from dataclasses import replace

    rows = [face("none", f"photo{at}") for at in range(40)]
    thin = replace(model, thin=["glasses"])
    found = counted(rows, thin)
    assert found.faces.corrected is None
    lines = predict_command.lines_of(found, thin)
    assert any("not corrected: of glasses" in line for line in lines)
    assert not any("corrected for" in line for line in lines)


def test_the_printed_table_shows_both_shares_with_intervals(model: ReleasedModel) -> None:
    from dataclasses import replace

    rows = [face(CLASSES[at % 3], f"photo{at}") for at in range(60)]
    enough = replace(model, thin=[])
    lines = predict_command.lines_of(counted(rows, enough), enough)
    assert lines[1].split() == ["share", "of", "faces", "as", "predicted", "corrected"]
    assert lines[2].startswith("none") and lines[2].count("[") == 2


@pytest.mark.parametrize("block", ["extract_faces", "embed"])
def test_a_processor_that_lacks_the_precision_of_the_release_is_refused(
    model: ReleasedModel, monkeypatch: pytest.MonkeyPatch, block: str
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    half = getattr(model, block).model_copy(update={"precision": "bfloat16"})
    with pytest.raises(FaceloopError, match="^precision: bfloat16 is not computed by"):
        Classifier(replace(model, **{block: half}))
