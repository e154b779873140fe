"""Drafts and their submission: nothing acknowledged is lost, nothing is counted twice."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.label_project import draft_lines, lay_again, make_project
from faceloop.base.errors import FaceloopError
from faceloop.commands.cli import main
from faceloop.commands.labelling.page.guidelines import elements_of, read_guidelines
from faceloop.commands.labelling.page.session import Refused, Session, by_cluster, labels_with_keys
from faceloop.commands.rounds import drafts
from faceloop.commands.rounds.drafts import Action, Answer, Draft, draft_path, read_draft
from faceloop.commands.settings import read_settings
from faceloop.labels.vote_files import read_queue

ROUND = "o00-i00"
CLASSES = ["none", "glasses", "sunglasses"]


@pytest.fixture(scope="module")
def laid_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    make_project(folder, faces=6, photos=1)
    return folder


@pytest.fixture
def project(laid_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a queue of six faces, which is the working folder too."""
    lay_again(laid_once, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(action: str, face_id: str = "f1", label: str = "none", seconds: float = 1.5) -> Action:
    return Action(action=action, answers=[Answer(face_id=face_id, label=label, seconds=seconds)])


def undone(action: str, undoes: str) -> Action:
    return Action(action=action, undoes=undoes)


def write(annotator: str, *actions: Action) -> None:
    with Draft(ROUND, annotator) as draft:
        draft.append(actions)


def ids() -> list[str]:
    return sorted(read_queue(ROUND)["asked_id"])


def session(annotator: str = "ana") -> Session:
    return Session(read_settings(), read_queue(ROUND), annotator)


def run(capsys: Any, *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(list(words))
    out = capsys.readouterr()
    return code, out.out + out.err


# On disk


def test_an_answer_is_fsynced_before_append_returns(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Draft(ROUND, "ana") as draft:
        on_disk: list[bytes] = []
        fsync = os.fsync

        def spy(file: int) -> None:
            fsync(file)
            on_disk.append(draft.path.read_bytes())

        monkeypatch.setattr(drafts.os, "fsync", spy)
        draft.append([said("a-1"), said("a-2", "f2")])
        assert len(on_disk) == 1 and on_disk[0].count(b"\n") == 2
        assert on_disk[0] == draft.path.read_bytes()


def test_a_torn_last_line_is_forgotten_and_cut_off(project: Path) -> None:
    write("ana", said("a-1"), said("a-2", "f2"))
    path = draft_path(ROUND, "ana")
    whole = path.read_bytes()
    for cut in (1, 20, len(whole.splitlines()[-1])):
        path.write_bytes(whole[:-cut])
        assert read_draft(ROUND, "ana")["asked_id"].tolist() == ["f1"]
    write("ana", said("a-3", "f3"))
    assert read_draft(ROUND, "ana")["asked_id"].tolist() == ["f1", "f3"]


def test_a_damaged_line_in_the_middle_is_named(project: Path) -> None:
    write("ana", said("a-1"), said("a-2", "f2"))
    path = draft_path(ROUND, "ana")
    path.write_bytes(b'{"action": "a-0"}\n' + path.read_bytes())
    with pytest.raises(FaceloopError, match=r"ana\.jsonl:1: this line is no answer"):
        read_draft(ROUND, "ana")


def test_the_same_action_sent_again_is_kept_once(project: Path) -> None:
    with Draft(ROUND, "ana") as draft:
        draft.append([said("a-1")])
        draft.append([said("a-1"), said("a-2", "f2"), said("a-2", "f2")])
    write("ana", said("a-2", "f2"))  # by a server that was started anew
    assert len(draft_path(ROUND, "ana").read_bytes().splitlines()) == 2


def test_a_full_disk_leaves_no_half_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Draft(ROUND, "ana") as draft:
        draft.append([said("a-1")])
        before = draft.path.read_bytes()

        def full(file: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(drafts.os, "fsync", full)
            with pytest.raises(OSError, match="No space"):
                draft.append([said("a-2", "f2")])
        assert draft.path.read_bytes() == before
        draft.append([said("a-2", "f2")])
    assert read_draft(ROUND, "ana")["asked_id"].tolist() == ["f1", "f2"]


def test_undo_takes_back_the_last_word_and_the_one_before_stands_again(project: Path) -> None:
    write("ana", said("a-1", label="none"), said("a-2", label="glasses"), said("a-3", "f2"))
    assert dict(read_draft(ROUND, "ana")[["asked_id", "label"]].to_numpy())["f1"] == "glasses"
    write("ana", undone("a-4", "a-2"))
    assert dict(read_draft(ROUND, "ana")[["asked_id", "label"]].to_numpy())["f1"] == "none"
    write("ana", undone("a-5", "a-1"), undone("a-6", "a-3"))
    assert read_draft(ROUND, "ana").empty


def test_no_face_takes_longer_than_a_day(project: Path) -> None:
    """Two of these together are no number any more, and the page could not be told them."""
    write("ana", *(said(f"a-{at}", face, seconds=1e308) for at, face in enumerate(ids()[:2])))
    assert [line["answers"][0]["seconds"] for line in draft_lines(project, "ana")] == [86400] * 2
    path = draft_path(ROUND, "ana")
    path.write_text(path.read_text().replace("86400.0", "1e308"))  # of an older version
    task = session().task()
    assert [one["seconds"] for one in task["history"]] == [86400, 86400]
    json.dumps(task, allow_nan=False)


def test_one_server_holds_a_draft(project: Path) -> None:
    held = pytest.raises(FaceloopError, match="ana has o00-i00 open in another")
    with Draft(ROUND, "ana"), Draft(ROUND, "ben"), held:
        Draft(ROUND, "ana")
    write("ana", said("a-1"))


@pytest.mark.parametrize(
    "line",
    [
        '{"action": "a-1"}',
        '{"action": "../x", "undoes": "a-1"}',
        '{"action": "a", "undoes": "b", "answers": [{"face_id": "f", "label": "l", "seconds": 1}]}',
        '{"action": "a", "answers": [{"face_id": "f", "label": "l", "seconds": -1}]}',
        '{"action": "a", "answers": [{"face_id": "f", "label": "l", "seconds": 1}], "mode": "x"}',
        '{"action": "a-1", "undoes": "a-0", "purpose": "train"}',
    ],
)
def test_what_is_no_action_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Action.model_validate_json(line)


# What the page is told, and may do


def test_everybody_has_their_own_order_and_the_same_one_again(project: Path) -> None:
    orders = []
    for name in ("ana", "ben", "ana"):
        sitting = session(name)
        orders.append(sitting.faces)
        sitting.close()
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == ids()


def test_the_task_tells_no_purpose_and_no_score(project: Path) -> None:
    sitting = session()
    told = repr(sitting.task())
    assert not [word for word in ("purpose", "train", "score", "representative") if word in told]
    sitting.close()


def test_an_unknown_face_or_label_is_refused_and_nothing_is_kept(project: Path) -> None:
    sitting = session()
    for wrong in (said("a-2", "e" * 16), said("a-2", ids()[1], "monocle")):
        with pytest.raises(Refused):
            sitting.save([said("a-1", ids()[0]), wrong])
    assert sitting.progress() == (0, 6)
    sitting.close()


def test_the_grid_is_for_the_seed_round(project: Path) -> None:
    settings = read_settings()
    later = settings.model_copy(
        update={"rounds": settings.rounds.model_copy(update={"candidate": "o01-i00"})}
    )
    sitting = Session(later, read_queue(ROUND), "ana")
    assert sitting.task()["grid"] is None
    grid = Action(action="a-1", mode="grid", answers=said("a-1", ids()[0]).answers)
    with pytest.raises(Refused, match="seed round"):
        sitting.save([grid])
    sitting.close()


def test_the_grid_goes_by_cluster_and_not_by_purpose() -> None:
    faces = pd.DataFrame({"asked_id": list("abcdefgh"), "cluster": [1, 0] * 4})
    one = by_cluster(faces.assign(purpose=["train", "validation"] * 4), 7)
    other = by_cluster(faces.assign(purpose=["validation", "train"] * 4), 7)
    assert one == other and set(one[:4]) == set("bdfh")


def test_keys_are_one_to_nine_then_letters_that_mean_nothing_else() -> None:
    labels = labels_with_keys([f"class{number}" for number in range(12)])
    keys = [label["key"] for label in labels]
    assert keys == [*"123456789abc", "u", "x"]
    many = [label["key"] for label in labels_with_keys([str(number) for number in range(40)])]
    assert len(set(filter(None, many))) == len(list(filter(None, many)))
    assert not {"s", "g"} & set(many)


def test_guidelines_are_headings_lists_and_joined_paragraphs(tmp_path: Path) -> None:
    text = "# How\nOne\ntwo.\n\nThree.\n## Then\n- a\n  b\n- <b>c</b>\n\nEnd #1\n"
    assert elements_of(text) == [
        ["h2", "How"],
        ["p", "One two."],
        ["p", "Three."],
        ["h3", "Then"],
        ["ul", "a b", "<b>c</b>"],
        ["p", "End #1"],
    ]
    assert elements_of("") == []
    assert "write" in read_guidelines(tmp_path / "none.md")[0][1]


# faceloop label


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--as", "ana", "--as", "Ana"), "the same name twice"),
        (("--as", "queue"), "cannot be an annotator's name"),
        (("--as", "ana", "--port", "70000"), "--port 70000"),
    ],
)
def test_label_refuses_in_words(
    project: Path, capsys: Any, words: tuple[str, ...], reason: str
) -> None:
    code, out = run(capsys, "label", *words)
    assert code == 2 and reason in out


def test_label_without_a_queue_or_crops_says_what_to_run(project: Path, capsys: Any) -> None:
    (project / "data").unlink()
    assert "drawn.zip is not here, or damaged: run 'dvc repro'" in run(
        capsys, "label", "--as", "ana"
    )[1]  # fmt: skip
    (project / "labels" / ROUND / "queue.csv").unlink()
    assert "has no queue yet: run 'faceloop next'" in run(capsys, "label", "--as", "ana")[1]


# faceloop submit


def test_submit_writes_the_votes_sorted_with_their_seconds_and_mode(
    project: Path, capsys: Any
) -> None:
    first, second, third = ids()[:3]
    grid = [Answer(face_id=third, label="none", seconds=0.25)]
    write(
        "ana",
        said("a-1", second, "glasses", 2.0),
        said("a-2", first, "unsure"),
        Action(action="a-3", mode="grid", answers=grid),
    )
    code, out = run(capsys, "submit", "--as", "ana")
    assert code == 0 and "submit: 3 votes by ana" in out and "3 faces without" in out
    votes = pd.read_csv(project / "labels" / ROUND / "ana.csv", dtype=str)
    assert votes["face_id"].tolist() == [first, second, third]
    assert votes["label"].tolist() == ["unsure", "glasses", "none"]
    assert votes["mode"].tolist() == ["page", "page", "grid"]
    assert votes["seconds"].astype(float).tolist() == [1.5, 2.0, 0.25]
    assert votes["labelled_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00").all()


def test_submitting_again_adds_what_is_new_and_changes_nothing(project: Path, capsys: Any) -> None:
    first, second = ids()[:2]
    write("ana", said("a-1", first))
    run(capsys, "submit", "--as", "ana")
    path = project / "labels" / ROUND / "ana.csv"
    before = path.read_bytes()
    run(capsys, "submit", "--as", "ana")
    assert path.read_bytes() == before
    write("ana", said("a-2", second))
    assert run(capsys, "submit", "--as", "ana")[0] == 0
    assert path.read_bytes().startswith(before) or len(path.read_bytes().splitlines()) == 3


def test_submit_never_changes_a_submitted_label(project: Path, capsys: Any) -> None:
    write("ana", said("a-1", ids()[0], "none"))
    run(capsys, "submit", "--as", "ana")
    before = (project / "labels" / ROUND / "ana.csv").read_bytes()
    write("ana", undone("a-2", "a-1"), said("a-3", ids()[0], "glasses"))
    code, out = run(capsys, "submit", "--as", "ana")
    assert code == 2 and "is 'none' there and 'glasses' now" in out
    assert (project / "labels" / ROUND / "ana.csv").read_bytes() == before


def test_a_submitted_answer_is_asked_no_more_and_cannot_be_taken_back(
    project: Path, capsys: Any
) -> None:
    first, second = ids()[:2]
    write("ana", said("a-1", first))
    sitting = session()
    run(capsys, "submit", "--as", "ana")
    sitting.save([said("a-2", second)])
    task = sitting.task()
    assert first not in task["faces"] and len(task["faces"]) == 4
    assert [one["faces"] for one in task["history"]] == [[second]]
    with pytest.raises(Refused, match="submitted already"):
        sitting.save([undone("a-3", "a-1")])
    sitting.save([undone("a-4", "a-2")])
    assert sitting.progress() == (1, 6)
    sitting.close()


def test_answers_about_faces_that_left_the_queue_are_counted(project: Path, capsys: Any) -> None:
    write("ana", said("a-1", ids()[0]), said("a-2", "f" * 16))
    code, out = run(capsys, "submit", "--as", "ana")
    assert code == 0 and "passed over: 1 answers about faces that left the queue" in out


def test_submit_refuses_a_class_that_is_gone(project: Path, capsys: Any) -> None:
    write("ana", said("a-1", ids()[0], "monocle"))
    code, out = run(capsys, "submit", "--as", "ana")
    assert code == 2 and "is 'monocle'; allowed: none, glasses" in out
    assert not (project / "labels" / ROUND / "ana.csv").exists()


def test_submit_without_a_draft_says_what_to_type(project: Path, capsys: Any) -> None:
    code, out = run(capsys, "submit", "--as", "ana")
    assert code == 2 and "faceloop label --as ana" in out
    write("ana", said("a-1", ids()[0]), undone("a-2", "a-1"))
    assert run(capsys, "submit", "--as", "ana")[0] == 2
    assert not (project / "labels" / ROUND / "ana.csv").exists()
    code, out = run(capsys, "submit", "--as", "../ana")
    assert code == 2 and "cannot be an annotator's name" in out


def test_nobody_sees_anothers_draft_in_the_votes(project: Path, capsys: Any) -> None:
    write("ana", said("a-1", ids()[0]))
    assert "0 of 6 faces answered" in run(capsys, "status")[1]
