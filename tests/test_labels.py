"""The strict reader of votes: harmless oddities pass, a wrong label stops with file and row."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from faceloop.base.errors import FaceloopError
from faceloop.base.tables import as_table
from faceloop.labels.columns import VOTES
from faceloop.labels.vote_files import (
    annotator_files,
    check_annotator,
    check_writer,
    read_queue,
    read_rows,
    read_vote_file,
    read_votes,
    with_votes,
    write_queue,
    write_votes,
)

CLASSES = ["none", "glasses", "NA"]
FACES = {"aa", "bb", "12345e6789012345", "0000000000000001"}


def written(folder: Path, content: str | bytes, name: str = "ana.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def votes_in(folder: Path, content: str | bytes) -> dict[str, str]:
    table = read_vote_file(written(folder, content), FACES, CLASSES)
    return dict(zip(table["asked_id"], table["label"], strict=True))


def refused(folder: Path, content: str | bytes, name: str = "ana.csv") -> str:
    with pytest.raises(FaceloopError) as error:
        read_vote_file(written(folder, content, name), FACES, CLASSES)
    return str(error.value).replace(f"{folder}/", "")


PLAIN = "face_id,label\naa,none\nbb,glasses\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.rstrip("\n"),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        "face_id,label,,,\naa,none,,,\nbb,glasses,,,\n",
        "face_id,label\naa,none,,\nbb,glasses,,\n",
        "face_id,label\n\naa,none\n,\n  , \nbb,glasses\n\n\n",
        "label,face_id\nnone,aa\nglasses,bb\n",
        " face_id , label \n aa , none \n bb , glasses \n",
        '"face_id","label"\n"aa","none"\n"bb","glasses"\n',
        'face_id,label,note\naa,none,"a, b\nc"\nbb,glasses,x\n',
        "face_id,label\naa,none\nbb,glasses\naa,none\n",
    ],
    ids=[
        "plain",
        "CRLF",
        "no last line end",
        "BOM",
        "trailing commas",
        "trailing commas under a short header",
        "blank rows",
        "columns in another order",
        "spaces",
        "quotes",
        "more columns",
        "the same vote twice",
    ],
)
def test_harmless_oddities_pass(tmp_path: Path, content: str | bytes) -> None:
    assert votes_in(tmp_path, content) == {"aa": "none", "bb": "glasses"}


def test_ids_and_classes_that_look_like_numbers_or_nothing_stay_text(tmp_path: Path) -> None:
    content = "face_id,label\n12345e6789012345,NA\n0000000000000001,none\n"
    assert votes_in(tmp_path, content) == {"12345e6789012345": "NA", "0000000000000001": "none"}


def test_unsure_and_no_face_are_always_allowed(tmp_path: Path) -> None:
    content = "face_id,label\naa,unsure\nbb,not_a_face\n"
    assert votes_in(tmp_path, content) == {"aa": "unsure", "bb": "not_a_face"}


def test_time_seconds_and_mode_are_kept(tmp_path: Path) -> None:
    content = (
        "face_id,label,labelled_at,seconds,mode\naa,none,2024-05-01T10:00:00,2.5,page\nbb,none,,,\n"
    )
    table = read_vote_file(written(tmp_path, content), FACES, CLASSES)
    assert table["seconds"].tolist()[0] == 2.5 and table["seconds"].isna().tolist() == [False, True]
    assert table["mode"].tolist() == ["page", ""]
    assert table["annotator"].tolist() == ["ana", "ana"]
    assert list(table) == [*VOTES, "annotator"]


def test_a_header_alone_is_no_vote(tmp_path: Path) -> None:
    assert votes_in(tmp_path, "face_id,label\n") == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("face_id,label\naa,none\nbb,monocle\n", ["ana.csv:3", "'monocle'", "none, glasses, NA"]),
        ("face_id,label\naa,None\n", ["ana.csv:2", "unknown class 'None'"]),
        ("face_id,label\naa,\n", ["ana.csv:2", "unknown class ''"]),
        ("face_id,label\naa,unresolved\n", ["ana.csv:2", "unknown class 'unresolved'"]),
        ("face_id,label\naa,none\nzz,none\n", ["ana.csv:3", "unknown face 'zz'", "queue.csv"]),
        ("face_id,label\n1.2345E+15,none\n", ["ana.csv:2", "spreadsheet", "as text"]),
        (
            "face_id,label\naa,none\nbb,none\naa,glasses\n",
            ["ana.csv:4", "'glasses'", "'none'", "row 2"],
        ),
        (
            "face_id,label\n\naa,none\n\n\naa,glasses\n",
            ["ana.csv:6", "row 3"],
        ),
        ("face_id\naa\n", ["ana.csv:1", "'label' is missing"]),
        ("", ["ana.csv:1", "'face_id' is missing"]),
        ("Face_ID,label\naa,none\n", ["ana.csv:1", "'face_id' is missing"]),
        ("face_id;label\naa;none\n", ["ana.csv:1", "save it comma-separated"]),
        ("face_id,label\naa\n", ["ana.csv:2", "1 cells under 2 columns"]),
        ("face_id,label\naa,none,oops\n", ["ana.csv:2", "3 cells under 2 columns"]),
        ("face_id,label,seconds\naa,none,fast\n", ["ana.csv:2", "seconds", "fast"]),
        ("face_id,label,seconds\naa,none,1\nbb,none,inf\n", ["ana.csv:3", "seconds", "inf"]),
        ("face_id,label,seconds\naa,none,nan\n", ["ana.csv:2", "seconds", "nan"]),
        ("face_id,label,seconds\naa,none,-1\n", ["ana.csv:2", "seconds", "-1", "from 0 on"]),
        ("face_id,label,seconds\naa,none,1e999\n", ["ana.csv:2", "seconds", "1e999"]),
        ("face_id,label\naa,caf\u00e9\n".encode("latin-1"), ["ana.csv", "UTF-8"]),
        ("face_id,label\naa,none\n".encode("utf-16"), ["ana.csv", "UTF-8"]),
        ('face_id,label\naa,"none\nbb,none\n', ["ana.csv"]),
    ],
)
def test_a_wrong_vote_stops_with_file_and_row(
    tmp_path: Path, content: str | bytes, words: list[str]
) -> None:
    said = refused(tmp_path, content)
    for word in words:
        assert word in said


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "label" in refused(tmp_path, "face_id,label,label\naa,none,glasses\n")


@pytest.mark.parametrize("name", ["ana (1).csv", "-x.csv", "ana.old.csv", "Ana Maria.csv"])
def test_a_file_that_is_nobodys_is_refused(tmp_path: Path, name: str) -> None:
    assert "cannot be an annotator's name; allowed: letters" in refused(tmp_path, PLAIN, name)


@pytest.fixture
def queued(project: Any) -> Any:
    project.ids = project.add_batch("pool", photos=6)
    project.add_queue("o00-i00", project.ids)
    return project


def test_every_annotator_has_a_file_and_the_queue_is_none(queued: Any) -> None:
    queued.vote_truly("o00-i00", annotator="ana")
    queued.add_votes("o00-i00", "ben", {queued.ids[0]: "glasses"})
    queued.add_votes("o00-i00", "adjudication", {queued.ids[0]: "glasses"})
    assert [path.stem for path in annotator_files("o00-i00")] == ["ana", "ben"]
    assert read_votes("o00-i00", queued.get("classes"))["annotator"].value_counts().to_dict() == {
        "ana": 6,
        "ben": 1,
    }


def test_a_round_without_votes_has_an_empty_table(queued: Any) -> None:
    assert len(read_votes("o00-i00", CLASSES)) == len(read_votes("o05-i00", CLASSES)) == 0


def test_a_round_that_is_not_open_has_an_empty_queue(project: Any) -> None:
    assert len(read_queue("o00-i00")) == 0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_files_keep_the_header_face_id_which_tables_call_asked_id(project: Any, n: int) -> None:
    ids = project.add_batch("pool", photos=2)[:n]
    project.add_queue("o00-i00", ids)
    before = project.queue("o00-i00").read_bytes()
    queue = read_queue("o00-i00")
    assert queue["asked_id"].tolist() == ids and "face_id" not in queue
    write_queue(queue, "o00-i00")
    assert project.queue("o00-i00").read_bytes() == before
    write_votes("o00-i00", "ana", new_votes(dict.fromkeys(ids, "none")))
    lines = (project.root / "labels/o00-i00/ana.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["face_id", *ids]


def test_a_column_asked_id_in_a_file_is_not_believed(tmp_path: Path) -> None:
    assert votes_in(tmp_path, "asked_id,face_id,label\nbb,aa,none\n") == {"aa": "none"}


def test_a_queue_with_a_face_twice_is_refused(queued: Any) -> None:
    path = queued.queue("o00-i00")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[2]]))
    with pytest.raises(FaceloopError, match=rf"queue\.csv:8: face {queued.ids[1]} stands twice"):
        read_queue("o00-i00")


def test_a_queue_with_an_unknown_purpose_is_refused(queued: Any) -> None:
    path = queued.queue("o00-i00")
    path.write_text(path.read_text().replace(",train,", ",test,", 1))
    with pytest.raises(FaceloopError, match=r"queue\.csv:2: purpose 'test'; allowed: train, valid"):
        read_queue("o00-i00")


def new_votes(labels: dict[str, str]) -> pd.DataFrame:
    rows = [{"asked_id": one, "label": label, "mode": "import"} for one, label in labels.items()]
    return as_table(rows, {**VOTES}).fillna({"labelled_at": ""})


def test_votes_are_added_and_none_is_changed_or_lost(queued: Any) -> None:
    classes = queued.get("classes")
    first = {queued.ids[3]: "none", queued.ids[0]: "glasses"}
    write_votes("o00-i00", "ana", with_votes("o00-i00", "ana", new_votes(first), classes))
    more = {queued.ids[5]: "sunglasses", queued.ids[3]: "none", queued.ids[1]: "unsure"}
    write_votes("o00-i00", "ana", with_votes("o00-i00", "ana", new_votes(more), classes))
    table = read_votes("o00-i00", classes)
    assert dict(zip(table["asked_id"], table["label"], strict=True)) == first | more
    assert table["asked_id"].is_monotonic_increasing


def test_what_a_person_said_before_keeps_its_time(queued: Any) -> None:
    path = queued.root / "labels/o00-i00/ana.csv"
    path.write_text(f"face_id,label,labelled_at,seconds,mode\n{queued.ids[0]},none,then,2.5,page\n")
    both = with_votes("o00-i00", "ana", new_votes({queued.ids[0]: "none"}), queued.get("classes"))
    assert both.to_dict("records") == [
        {
            "asked_id": queued.ids[0],
            "label": "none",
            "labelled_at": "then",
            "seconds": 2.5,
            "mode": "page",
            "note": "",
        }
    ]


def test_another_label_for_a_face_is_refused_and_nothing_written(queued: Any) -> None:
    path = queued.add_votes("o00-i00", "ana", {queued.ids[0]: "none"})
    before = path.read_bytes()
    with pytest.raises(FaceloopError, match="is 'none' there and 'glasses' now"):
        with_votes("o00-i00", "ana", new_votes({queued.ids[0]: "glasses"}), queued.get("classes"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["queue", "adjudication", "", "a b", "../x", "a/b", "é"])
def test_a_name_that_cannot_be_a_files_is_refused(queued: Any, name: str) -> None:
    with pytest.raises(FaceloopError, match="cannot be an annotator's name"):
        with_votes("o00-i00", name, new_votes({}), queued.get("classes"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Queue", "the files queue, reserve, adjudication are not a person's"),
        ("RESERVE", "are not a person's"),
        ("con", "Windows can make no file named 'con'"),
        ("Lpt1", "Windows can make no file named 'Lpt1'"),
        ("a" * 300, "has 300 characters; allowed: 64 at most"),
        ("jos\u00e9", "letters a to z without accents"),
        ("ana.b", "letters a to z without accents"),
        ("\uff41na", "letters a to z without accents"),
        ("ana\n", "letters a to z without accents"),
    ],
)
def test_a_name_that_is_no_file_on_some_disk_is_refused(queued: Any, name: str, words: str) -> None:
    with pytest.raises(FaceloopError) as error:
        check_annotator(name)
    assert "cannot be an annotator's name" in str(error.value) and words in str(error.value)


def test_two_names_that_are_one_file_on_some_disks_are_refused(queued: Any) -> None:
    path = queued.add_votes("o00-i00", "ana", {queued.ids[0]: "none"})
    before = path.read_bytes()
    votes = as_table([{"asked_id": queued.ids[1], "label": "none"}], VOTES)
    with pytest.raises(FaceloopError, match="'Ana' and 'ana' are one file on some disks"):
        with_votes("o01-i00", "Ana", votes, CLASSES)
    check_writer("ana")
    check_writer("anna")
    queued.add_votes("o00-i00", "Ana", {queued.ids[1]: "none"})
    with pytest.raises(FaceloopError, match=r"labels/o00-i00: .*one file.*: git mv one of them"):
        read_votes("o00-i00", CLASSES)
    assert path.read_bytes() == before


def test_rows_of_a_hand_made_table_come_with_their_line(tmp_path: Path) -> None:
    path = written(tmp_path, 'source,label\n\na.jpg,"x"\n"b\nc.jpg",y\n')
    assert read_rows(path, ["label"]) == [
        (3, {"source": "a.jpg", "label": "x"}),
        (5, {"source": "b\nc.jpg", "label": "y"}),
    ]
