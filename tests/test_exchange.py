"""Labels from and for other software: what it wrote comes in whole, or nothing is written."""

import base64
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd
import pytest

from benchmarks.label_studio_project import VOTES as TOLD
from faceloop.base.storage import FACES_DIR, write_parquet
from faceloop.base.tables import as_table
from faceloop.commands.cli import main
from faceloop.commands.exchange import said as limits
from faceloop.commands.labelling.page.session import labels_with_keys
from faceloop.crops.face_table import FACES, read_batch
from faceloop.crops.packs import read_crops
from faceloop.labels.vote_files import read_queue, write_queue
from faceloop.model.head import predict
from faceloop.model.head_files import read_head
from faceloop.pool.features import read_embeddings
from tests.conftest import face_rows, jpeg, lay_crops

DATA = Path(__file__).parent / "data"
FULL = DATA / "label_studio_full.json"
TASKS = json.loads(FULL.read_text(encoding="utf-8"))
IDS = [task["data"]["face_id"] for task in TASKS]
SEED = "o00-i00"
Tasks = list[dict[str, Any]]


@pytest.fixture
def faces(project: Any) -> Any:
    """A project whose open queue holds the faces of the committed files."""
    rows = as_table(face_rows("pool", len(IDS)).assign(face_id=sorted(IDS)), FACES)
    lay_crops(rows, {face_id: jpeg((90, 90, 90)) for face_id in IDS})
    project.add_queue(SEED, sorted(IDS), validation=3)
    return project


def run(capsys: Any, *words: Any) -> tuple[int, str]:
    capsys.readouterr()
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out + said.err


def refused(project: Any, capsys: Any, *words: Any) -> str:
    """Run an import that must fail and leave every byte as it was."""
    before = project.snapshot()
    code, said = run(capsys, "import", *words)
    assert code == 2 and said.startswith("error: "), said
    assert project.snapshot() == before
    return said


def outside(name: str, text: str) -> Path:
    path = Path.cwd().parent / name
    path.write_text(text, encoding="utf-8")
    return path


def who(*rows: str) -> Path:
    return outside("who.csv", "\n".join(["their,name", *rows, ""]))


def export_of(tasks: Any) -> Path:
    return outside("export.json", json.dumps(tasks))


def annotation(label: str | None, by: Any = 1, number: int = 1, **changes: Any) -> dict[str, Any]:
    choice = {"type": "choices", "value": {"choices": [label]}}
    return {
        "id": number,
        "completed_by": by,
        "was_cancelled": label is None,
        "result": [] if label is None else [choice],
        "created_at": f"2026-11-23T09:00:0{number}.5Z",
        "lead_time": 2.0,
    } | changes


def task(face_id: str, *annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"face_id": face_id}, "annotations": list(annotations)} | changes


def votes_of(name: str) -> dict[str, str]:
    votes = pd.read_csv(f"labels/{SEED}/{name}.csv", dtype=str, keep_default_na=False)
    return dict(zip(votes["face_id"], votes["label"], strict=True))


# Label Studio, as it wrote


def test_no_vote_of_a_real_export_is_lost(faces: Any, capsys: Any) -> None:
    code, said = run(capsys, "import", FULL, "--who", who("1,ana", "2,ben"))
    assert code == 0
    assert "6 labels by ana, 5 labels by ben, 0 faces new to the queue" in said
    for name, told in TOLD.items():
        expected = {face: label for face, label in zip(IDS, told, strict=False) if label}
        assert votes_of(name) == expected


def test_skips_and_drafts_of_a_real_export_are_counted(faces: Any, capsys: Any) -> None:
    said = run(capsys, "import", FULL, "--who", who("1,ana", "2,ben"))[1]
    assert "- 2 x skipped: no vote" in said
    assert "- 1 x draft that nobody submitted: no vote" in said


def test_a_real_exports_times_become_the_votes(faces: Any, capsys: Any) -> None:
    run(capsys, "import", FULL, "--who", who("1,ana", "2,ben"))
    votes = pd.read_csv(f"labels/{SEED}/ana.csv", dtype=str).set_index("face_id")
    second_thought = TASKS[5]["annotations"][0]
    row = votes.loc[IDS[5]]
    assert row["labelled_at"] == second_thought["updated_at"][:19] + "+00:00"
    assert float(row["seconds"]) == second_thought["lead_time"] == 2.25
    assert set(votes["mode"]) == {"label-studio"}


def test_a_real_export_imported_again_changes_nothing(faces: Any, capsys: Any) -> None:
    run(capsys, "import", FULL, "--who", who("1,ana", "2,ben"))
    before = faces.snapshot()
    assert run(capsys, "import", FULL, "--who", who("1,ana", "2,ben"))[0] == 0
    assert faces.snapshot() == before


@pytest.mark.parametrize("name", ["label_studio_min.json", "label_studio_csv.csv"])
def test_exports_that_drop_skips_are_refused(faces: Any, capsys: Any, name: str) -> None:
    said = refused(faces, capsys, DATA / name, "--as", "ana")
    assert "JSON" in said and "leave" in said and "skipped" in said


# Whose labels


def test_people_without_a_name_are_listed_with_the_table_to_write(faces: Any, capsys: Any) -> None:
    said = refused(faces, capsys, FULL)
    assert "who are 1, 2?" in said and said.endswith(
        "--who ../who.csv:\ntheir,name\n1,NAME\n2,NAME\n"
    )
    assert "who are 2?" in refused(faces, capsys, FULL, "--who", who("1,ana"))
    assert "who are 1, 2?" in refused(faces, capsys, FULL, "--as", "ana")


def test_e_mails_are_mapped_and_never_a_file_name(faces: Any, capsys: Any) -> None:
    ana, ben = {"id": 5, "email": "Ana@example.org"}, {"id": 6, "email": "ben@example.org"}
    path = export_of([task(IDS[0], annotation("none", ana), annotation("glasses", ben))])
    assert "Ana@example.org,NAME\nben@example.org,NAME" in refused(faces, capsys, path)
    said = refused(faces, capsys, path, "--who", who("6,ben@example.org", "5,ana"))
    assert "who.csv:2: 'ben@example.org' cannot be an annotator's name" in said
    assert run(capsys, "import", path, "--who", who("ana@example.org,ana", "6,ben"))[0] == 0
    assert votes_of("ana") == {IDS[0]: "none"} and votes_of("ben") == {IDS[0]: "glasses"}
    assert not [name for name in faces.snapshot() if "@" in name]


def test_one_person_needs_no_table(faces: Any, capsys: Any) -> None:
    path = export_of([task(IDS[0], annotation("none")), task(IDS[1], annotation("glasses"))])
    assert "(or --as NAME" in refused(faces, capsys, path)
    assert run(capsys, "import", path, "--as", "ana")[0] == 0
    assert votes_of("ana") == {IDS[0]: "none", IDS[1]: "glasses"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["1,ana", "1,ben"], "who.csv:3: 1 stands there twice"),
        (["1,ana", "2,Ana"], "who.csv:3: 'Ana' here and 'ana' above"),
        (["1,queue"], "who.csv:2: 'queue' cannot be"),
        (["a@example.org,ana", "1,ben"], "are one person"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(
    faces: Any, capsys: Any, rows: list[str], words: str
) -> None:
    user = {"id": 1, "email": "a@example.org"}
    path = export_of([task(IDS[0], annotation("none", user))])
    assert words in refused(faces, capsys, path, "--who", who(*rows))


def test_labels_that_name_nobody_need_a_name(faces: Any, capsys: Any) -> None:
    mixed = export_of([task(IDS[0], annotation("none", None)), task(IDS[1], annotation("none", 1))])
    assert "some labels name nobody" in refused(faces, capsys, mixed, "--who", who("1,ana"))
    plain = outside("mine.csv", f"face_id,label\n{IDS[0]},none\n")
    assert "whose labels these are: --as NAME" in refused(faces, capsys, plain)
    assert "--as NAME" in refused(faces, capsys, plain, "--who", who("1,ana"))


# What a file may hold


def test_the_last_of_equal_answers_counts(faces: Any, capsys: Any) -> None:
    late = annotation("none", number=2, updated_at="2026-11-23T12:00:00+02:00", lead_time=None)
    path = export_of([task(IDS[0], late, annotation("none", number=1))])
    assert run(capsys, "import", path, "--as", "ana")[0] == 0
    row = pd.read_csv(f"labels/{SEED}/ana.csv").iloc[0]
    assert row["labelled_at"] == "2026-11-23T10:00:00+00:00" and pd.isna(row["seconds"])


def test_two_answers_of_one_person_are_named(faces: Any, capsys: Any) -> None:
    twice = [annotation("none", number=1), annotation("glasses", number=2)]
    said = refused(faces, capsys, export_of([task(IDS[0], *twice)]), "--as", "ana")
    assert "annotation 2: face" in said and "annotation 1; keep the right one" in said


def test_one_persons_error_keeps_everybodys_votes_out(faces: Any, capsys: Any) -> None:
    faces.add_votes(SEED, "ben", {IDS[0]: "glasses"})
    path = export_of([task(IDS[0], annotation("none", 1), annotation("none", 2))])
    said = refused(faces, capsys, path, "--who", who("1,ana", "2,ben"))
    assert "ben.csv: face" in said and not Path(f"labels/{SEED}/ana.csv").exists()


WRONG: list[tuple[Any, str]] = [
    ([task("../../etc/passwd")], "task 1: unknown face '../../etc/passwd'"),
    ([task(IDS[0], annotation("monocle"))], "task 1, annotation 1: unknown class 'monocle'"),
    ([task(IDS[0], annotation("none", lead_time=-1))], "0.annotations.0.lead_time"),
    ([task(IDS[0], annotation("none", lead_time=float("nan")))], "0.annotations.0.lead_time"),
    ([task(IDS[0], annotation("none", created_at="yesterday"))], "0.annotations.0.created_at"),
    ([{"data": {"image": "x"}, "annotations": []}], "0.data.face_id (counted from 0)"),
    ([{"data": {"face_id": IDS[0]}}], "is no full export of Label Studio (0.annotations)"),
    ({"a": 1}, "is no full export"),
    ([task(IDS[0], annotation(None))], "no label found; 1 x skipped"),
    ([task(IDS[0], annotation("none", completed_by="ana"))], "0.annotations.0.completed_by"),
    (
        [task(IDS[0], annotation("none", result=[{"type": "choices", "value": {"choices": 5}}]))],
        "0.annotations.0.result.0.value.choices",
    ),
    ([task(IDS[0], annotation("none", result=[]))], "1 x submitted without a choice"),
    (
        [task(IDS[0], annotation("none", result=annotation("none")["result"] * 2))],
        "several choices",
    ),
]


@pytest.mark.parametrize(("tasks", "words"), WRONG)
def test_a_wrong_export_is_refused_with_its_place(
    faces: Any, capsys: Any, tasks: Any, words: str
) -> None:
    assert words in refused(faces, capsys, export_of(tasks), "--as", "ana")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '["\xff"]', "[" + "9" * 9_000 + "]"])
def test_what_is_no_json_is_refused(faces: Any, capsys: Any, text: str) -> None:
    path = outside("export.json", "")
    path.write_bytes(text.encode("latin-1"))
    assert "export.json" in refused(faces, capsys, path, "--as", "ana")


@pytest.mark.parametrize("name", ["export.json", "annotations.xml"])
def test_a_file_too_large_for_memory_is_refused_unread(
    faces: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(limits, "MAX_MB", 0)
    assert "at most 0 are read" in refused(faces, capsys, outside(name, "[]"), "--as", "ana")


def test_votes_given_with_a_prediction_in_sight_are_told(faces: Any, capsys: Any) -> None:
    path = export_of([task(IDS[0], annotation("none"), predictions=[{"result": []}])])
    assert "1 x task that showed a prediction" in run(capsys, "import", path, "--as", "ana")[1]


def test_an_annotation_that_somebody_else_changed_is_told(faces: Any, capsys: Any) -> None:
    own = task(IDS[0], annotation("none", 1, updated_by=1))
    path = export_of([own, task(IDS[1], annotation("none", {"id": 1, "email": "a"}, updated_by=2))])
    said = run(capsys, "import", path, "--who", who("1,ana"))[1]
    assert "- 1 x last changed by another, and taken as their author's" in said


def test_regions_that_are_no_choice_are_passed_over(faces: Any, capsys: Any) -> None:
    relation, note = {"type": "relation"}, {"type": "textarea", "value": {"text": ["hm"]}}
    result = [relation, *annotation("none")["result"], note]
    path = export_of([task(IDS[0], annotation("none", result=result))])
    assert run(capsys, "import", path, "--as", "ana")[0] == 0 and votes_of("ana") == {
        IDS[0]: "none"
    }


def test_a_queued_face_that_a_re_extraction_renamed_keeps_its_vote(faces: Any, capsys: Any) -> None:
    rows = read_batch("pool")
    write_parquet(rows[rows["face_id"] != IDS[0]], FACES_DIR / "pool.parquet")
    path = export_of([task(IDS[0], annotation("none"))])
    assert run(capsys, "import", path, "--as", "ana")[0] == 0
    assert votes_of("ana") == {IDS[0]: "none"}


# Export to Label Studio


def read_tasks(folder: Path) -> Tasks:
    tasks: Tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    return tasks


def test_tasks_are_blind(second_round: Any, capsys: Any, tmp_path: Path) -> None:
    Path("labels/o01-i00/ana.csv").unlink()
    code, said = run(capsys, "export", tmp_path / "out", "--to", "label-studio")
    assert code == 0 and "24 crops" in said and "BLIND" not in said
    tasks = read_tasks(tmp_path / "out")
    assert all(set(one) == {"data"} and set(one["data"]) == {"face_id", "image"} for one in tasks)
    queue = pd.read_csv(second_round.queue("o01-i00")).set_index("face_id")
    order = [one["data"]["face_id"] for one in tasks]
    assert sorted(order) == sorted(queue.index) != order != list(queue.index)
    purposes = queue.loc[order, "purpose"]
    assert (purposes != purposes.shift()).sum() > 3, "the two kinds lie in two blocks"


def test_embedded_pictures_are_the_crops(faces: Any, capsys: Any, tmp_path: Path) -> None:
    run(capsys, "export", tmp_path / "out", "--to", "label-studio")
    data = [one["data"] for one in read_tasks(tmp_path / "out")]
    crops = dict(zip(sorted(IDS), read_crops("pool", sorted(IDS)), strict=True))
    assert {
        one["face_id"]: base64.b64decode(one["image"].removeprefix("data:image/jpeg;base64,"))
        for one in data
    } == crops


def test_picture_files_lie_where_the_tasks_say(faces: Any, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "to label & more"
    run(capsys, "export", out, "--to", "label-studio", "--images", "files")
    for one in read_tasks(out):
        path = unquote(one["data"]["image"].removeprefix("/data/local-files/?d="))
        assert (tmp_path / path).read_bytes() == jpeg((90, 90, 90))
        assert Path(path).stem == one["data"]["face_id"]
    readme = (out / "README.txt").read_text(encoding="utf-8")
    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={tmp_path}\n" in readme


def test_the_interface_has_the_pages_labels_and_keys(
    faces: Any, capsys: Any, tmp_path: Path
) -> None:
    faces.set({"label.keys": ["n", "e", "b"]})
    run(capsys, "export", tmp_path / "out", "--to", "label-studio")
    choices = ElementTree.parse(tmp_path / "out/config.xml").iter("Choice")
    shown = {one.get("value"): one.get("hotkey") for one in choices}
    page = labels_with_keys(faces.get("classes"), ["n", "e", "b"])
    assert shown == {one["label"]: one["key"] for one in page}


def test_a_person_gets_only_what_they_are_asked(faces: Any, capsys: Any, tmp_path: Path) -> None:
    queue = read_queue(SEED)
    asked = ["ana", "ben", "ana ben", "", *[""] * (len(queue) - 4)]
    write_queue(queue.assign(annotators=asked), SEED)
    faces.add_votes(SEED, "ben", {queue["asked_id"][2]: "none"})
    for name, places in (("ben", [1, 3]), ("ana", [0, 2, 3])):
        run(capsys, "export", tmp_path / name, "--as", name)
        given = {path.stem for path in (tmp_path / name).glob("*.jpg")}
        assert given == {queue["asked_id"][at] for at in [*places, *range(4, len(queue))]}


def test_predictions_are_the_candidates_and_loudly_not_blind(
    second_round: Any, capsys: Any, tmp_path: Path
) -> None:
    Path("labels/o01-i00/ana.csv").unlink()
    words = ("export", tmp_path / "out", "--to", "label-studio", "--predictions")
    code, said = run(capsys, *words)
    assert code == 0 and "NOT BLIND" in said
    p = pd.DataFrame(
        predict(read_head(Path("models/o01-i00.safetensors")), read_embeddings("pool")),
        index=read_batch("pool")["face_id"],
        columns=second_round.get("classes"),
    )
    for one in read_tasks(tmp_path / "out"):
        (prediction,) = one["predictions"]
        expected = p.loc[one["data"]["face_id"]]
        assert prediction["result"][0]["value"]["choices"] == [expected.idxmax()]
        assert prediction["score"] == pytest.approx(expected.max(), abs=1e-5)


def test_predictions_without_a_model_that_knows_are_refused(
    seed: Any, capsys: Any, tmp_path: Path
) -> None:
    seed.add_queue(SEED, read_batch("pool")["face_id"].tolist()[:5])
    words = ("export", tmp_path / "out", "--to", "label-studio", "--predictions")
    assert "has seen no label yet" in run(capsys, *words)[1]
    Path(f"models/{SEED}.safetensors").unlink()
    code, said = run(capsys, *words)
    assert code == 2 and f"models/{SEED}.safetensors is not here: run 'dvc repro'" in said
    assert not (tmp_path / "out").exists()


def test_options_of_one_format_are_refused_for_another(
    faces: Any, capsys: Any, tmp_path: Path
) -> None:
    for words in (["--predictions"], ["--to", "cvat", "--images", "files"]):
        code, said = run(capsys, "export", tmp_path / "out", *words)
        assert code == 2 and "go with --to label-studio alone" in said


# CVAT


def test_cvats_tags_become_votes(faces: Any, capsys: Any) -> None:
    code, said = run(capsys, "import", DATA / "cvat_images.xml", "--as", "ana")
    assert code == 0 and "2 labels by ana" in said
    assert "- 2 x image without a tag" in said and "- 1 x tag set by a model" in said
    assert votes_of("ana") == {"0000000000000000": "glasses", "000000009e3779b1": "unsure"}
    assert set(pd.read_csv(f"labels/{SEED}/ana.csv")["mode"]) == {"cvat"}


def test_cvats_zip_is_read_as_its_xml(faces: Any, capsys: Any) -> None:
    path = Path.cwd().parent / "task.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.write(DATA / "cvat_images.xml", "annotations.xml")
    assert run(capsys, "import", path, "--as", "ana")[0] == 0
    assert len(votes_of("ana")) == 2


def test_cvat_does_not_say_who(faces: Any, capsys: Any) -> None:
    assert "whose labels" in refused(faces, capsys, DATA / "cvat_images.xml")


LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<annotations><image name="&b;"/></annotations>'
)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("<image name='{0}.jpg'><tag label='none'/><tag label='none'/></image>", "several tags"),
        ("<image name='{0}.jpg'><tag label='monocle'/></image>", "unknown class 'monocle'"),
        ("<image name='../../etc/passwd'><tag label='none'/></image>", "unknown face 'passwd'"),
        ("<image><tag label='none'/></image>", "unknown face ''"),
        ("<image name='{0}.jpg'><box label='none'/></image>", "<box> is not for whole faces"),
        ("<track label='none'><box/></track>", "is not for whole faces: label whole images"),
        ("", "no <image> in it"),
        ("<image", "is no XML"),
    ],
)
def test_a_wrong_xml_is_refused(faces: Any, capsys: Any, inside: str, words: str) -> None:
    xml = f"<annotations>{inside.format(IDS[0])}</annotations>"
    assert words in refused(faces, capsys, outside("annotations.xml", xml), "--as", "ana")


def test_xml_with_entities_is_not_read(faces: Any, capsys: Any) -> None:
    said = refused(faces, capsys, outside("annotations.xml", LAUGHS), "--as", "ana")
    assert "CVAT writes no such thing" in said


def test_a_zip_without_annotations_is_refused(faces: Any, capsys: Any) -> None:
    broken = outside("broken.zip", "PK")
    other = Path.cwd().parent / "other.zip"
    shutil.copy("data/faces/pool.zip", other)
    for path in (broken, other):
        assert "no readable annotations.xml" in refused(faces, capsys, path, "--as", "ana")


def test_an_export_for_cvat_is_crops_and_labels(faces: Any, capsys: Any, tmp_path: Path) -> None:
    assert run(capsys, "export", tmp_path / "out", "--to", "cvat")[0] == 0
    with zipfile.ZipFile(tmp_path / "out/crops.zip") as pack:
        assert pack.namelist() == [f"{face_id}.jpg" for face_id in sorted(IDS)]
    labels = json.loads((tmp_path / "out/labels.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in labels] == [*faces.get("classes"), "unsure", "not_a_face"]
    assert {one["type"] for one in labels} == {"tag"}
