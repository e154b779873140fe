"""Settling conflicts and checking labels on the page, in a real browser; keys of one's own."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from browsing import press, ready, saved, shown
from conftest import edited

from benchmarks.label_project import (
    add_votes,
    draft_lines,
    make_project,
    serving,
    start_server,
)
from faceloop.commands.cli import main
from stages import merge_labels

pytest.importorskip("starlette", reason="the page needs the extra: pip install -e .[label]")
pytestmark = pytest.mark.usefixtures("warm_start")

ROUND, CLASSES = "o00-i00", ["none", "glasses", "sunglasses"]
FACES, CONFLICTS = 48, 8


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A labelled seed of which ana and ben see the first eight faces otherwise."""
    truth = make_project(tmp_path, FACES, photos=2)
    ids = sorted(truth)
    other = {one: CLASSES[(CLASSES.index(truth[one]) + 1) % 3] for one in ids[:CONFLICTS]}
    add_votes(tmp_path, {"ana": truth, "ben": other})
    set_params(tmp_path, {"batches": ["drawn"]})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_params(project: Path, values: dict[str, Any]) -> None:
    path = project / "params.yaml"
    path.write_text(edited(path.read_text(encoding="utf-8"), values), encoding="utf-8")


def adjudicating(project: Path, name: str, *words: str) -> Any:
    return serving(project, name, command=("adjudicate", *words))


def rows(project: Path, name: str = "adjudication") -> pd.DataFrame:
    path = project / "labels" / ROUND / f"{name}.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def sides(page: Any) -> list[str]:
    return page.locator("#labels .said").evaluate_all("all => all.map(one => one.value)")


def run(capsys: Any, *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out + said.err


# Settling conflicts


def test_conflicts_are_settled_by_keyboard_with_notes_and_undo(
    project: Path, open_page: Any, capsys: Any
) -> None:
    assert "people disagree on 8 faces: faceloop adjudicate --as NAME" in run(capsys, "status")[1]
    with adjudicating(project, "carl") as served:
        page = open_page(served.links["carl"])
        assert page.locator("#count").text_content() == "0 of 8"
        first = shown(page)
        page.keyboard.press("/")
        page.keyboard.type("glare on 2 x, so s")  # keys of the page, and here they are text
        page.keyboard.press("Enter")
        assert page.locator("#count").text_content() == "0 of 8"
        press(page, "s")  # a note stays with its face
        ready(page)
        assert page.locator("#note").input_value() == ""
        press(page, "Backspace", "2")
        ready(page)
        assert page.locator("#note").input_value() == ""
        second = shown(page)
        press(page, "0", "Backspace")  # cannot be settled, and taken back
        ready(page)
        assert shown(page) == second
        press(page, "Backspace")
        ready(page)
        assert (shown(page), page.locator("#note").input_value()) == (
            first,
            "glare on 2 x, so s",
        )
        press(page, "3", "0")
        page.keyboard.down(" ")
        assert page.locator("#context img").get_attribute("src")
        page.keyboard.up(" ")
        saved(page)
    code, said = run(capsys, "submit", "--as", "carl")
    assert code == 0 and f"2 faces settled by carl in labels/{ROUND}/adjudication.csv" in said
    table = rows(project).set_index("face_id")
    assert table["label"].to_dict() == {first: "sunglasses", second: "unresolved"}
    assert table["note"].to_dict() == {first: "glare on 2 x, so s", second: ""}
    assert set(table["adjudicator"]) == {"carl"}
    assert "people disagree on 6 faces" in run(capsys, "status")[1]
    before = (project / "labels" / ROUND / "adjudication.csv").read_bytes()
    assert run(capsys, "submit", "--as", "carl")[0] == 0
    assert (project / "labels" / ROUND / "adjudication.csv").read_bytes() == before


def test_both_labels_stand_first_unnamed_shuffled_and_none_is_chosen(
    project: Path, open_page: Any
) -> None:
    votes = {name: rows(project, name).set_index("face_id")["label"] for name in ("ana", "ben")}
    orders = []
    for name in ("carl", "eva", "carl"):
        lefts = {}
        with adjudicating(project, name) as served:
            page = open_page(served.links[name])
            told = page.request.get(page.url + "task").text()
            assert not [word for word in ("ana", "ben", "votes", "purpose") if word in told]
            for _ in range(CONFLICTS):
                ready(page)
                face, given = shown(page), sides(page)
                assert set(given) == {votes["ana"][face], votes["ben"][face]}
                assert page.locator("#labels [aria-pressed=true], #labels :focus").count() == 0
                first_two = page.locator("#labels button").evaluate_all(
                    "all => all.slice(0, 2).map(one => one.value)"
                )
                assert first_two == given
                lefts[face] = "ana" if given[0] == votes["ana"][face] else "ben"
                page.keyboard.press("s")
        orders.append(lefts)
    assert orders[0] == orders[2] != orders[1]
    assert all(len(set(order.values())) == 2 for order in orders), "one side is always the same"


def test_a_mouse_can_settle_too_and_write_a_note(project: Path, open_page: Any) -> None:
    with adjudicating(project, "carl") as served:
        page = open_page(served.links["carl"], viewport={"width": 390, "height": 760})
        page.locator("#note").click()
        assert page.evaluate("document.activeElement.id") == "note"
        page.keyboard.type("2u")
        page.get_by_role("button", name="cannot be settled").click()
        ready(page)
        assert page.locator("#count").text_content() == "1 of 8"
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        saved(page)
    (line,) = draft_lines(project, "carl", "adjudication")
    assert line["answers"][0]["label"] == "unresolved" and line["answers"][0]["note"] == "2u"


def test_who_voted_is_left_out_unless_they_say_so(project: Path, capsys: Any) -> None:
    code, said = run(capsys, "adjudicate", "--as", "ana", "--no-browser")
    assert code == 0
    assert "left out 8 faces that ana voted on; --self takes them in" in said
    assert "no face waits for ana" in said
    with adjudicating(project, "ana", "--self") as served:
        assert "left out" not in served.said


def test_a_killed_server_loses_no_decision(project: Path, open_page: Any) -> None:
    with adjudicating(project, "carl") as served:
        page = open_page(served.links["carl"])
        press(page, "1", "2", "3")
        saved(page)
        ready(page)
        fourth = shown(page)
    with adjudicating(project, "carl") as served:  # the first has been killed
        page = open_page(served.links["carl"])
        assert shown(page) == fourth and page.locator("#count").text_content() == "3 of 8"
        press(page, "Backspace", "u")
        saved(page)
    lines = draft_lines(project, "carl", "adjudication")
    assert [one["answers"][0]["label"] for one in lines if one["answers"]] == [
        "none",
        "glasses",
        "sunglasses",
        "unsure",
    ]


def settle_first(project: Path, open_page: Any, name: str, key: str) -> None:
    with adjudicating(project, name) as served:
        page = open_page(served.links[name])
        face = sorted(rows(project, "ben")["face_id"])[0]
        ready(page)
        while shown(page) != face:
            press(page, "s")
            ready(page)
        press(page, key)
        saved(page)


def test_two_who_settle_one_face_differently_are_told_and_can_take_theirs_back(
    project: Path, open_page: Any, capsys: Any
) -> None:
    settle_first(project, open_page, "carl", "1")
    settle_first(project, open_page, "eva", "2")
    assert run(capsys, "submit", "--as", "carl")[0] == 0
    code, said = run(capsys, "submit", "--as", "eva")
    assert code == 2 and "is 'none' by carl there and 'glasses' by eva now" in said
    assert len(rows(project)) == 1
    with adjudicating(project, "eva") as served:
        page = open_page(served.links["eva"])
        press(page, "Backspace")
        saved(page)
    with adjudicating(project, "eva") as served:
        page = open_page(served.links["eva"])
        assert page.locator("#count").text_content() == "0 of 7"
    assert "has answered nothing" in run(capsys, "submit", "--as", "eva")[1]


def test_the_end_says_what_to_type(project: Path, open_page: Any, capsys: Any) -> None:
    served = start_server(project, "carl", command=("adjudicate",))
    page = open_page(served.links["carl"])
    press(page, *"1" * CONFLICTS)
    saved(page)
    assert page.locator("#submit").text_content() == "faceloop submit --as carl"
    said = served.stop()
    assert "adjudicate: carl answered 8 of 8 faces" in said and "submit --as carl" in said
    assert run(capsys, "submit", "--as", "carl")[0] == 0
    assert "conflict" not in run(capsys, "status")[1]


# Keys of one's own


def test_letters_are_printed_and_answer_and_digits_do_not(project: Path, open_page: Any) -> None:
    set_params(project, {"label.keys": ["N", "ö", "5"]})
    with serving(project, "eva") as served:
        page = open_page(served.links["eva"])
        printed = page.locator("#labels kbd").all_text_contents()
        assert printed == ["n", "ö", "5", "u", "x"]
        press(page, "1", "Shift+N", "Numpad5")
        saved(page)
    lines = draft_lines(project, "eva")
    assert [one["answers"][0]["label"] for one in lines] == ["none", "sunglasses"]


# Checking


@pytest.fixture
def checked(project: Path) -> Path:
    """The same with the labels merged, and what `dvc repro` would have made of them."""
    merge_labels.main()
    return project


def tiles(page: Any) -> list[str]:
    sources = page.locator("#tiles img").evaluate_all("all => all.map(one => one.src)")
    return [Path(source).stem for source in sources]


def checking(project: Path, name: str) -> Any:
    return serving(project, name, command=("label", "--check"))


def test_a_check_goes_class_by_class_and_asks_the_exceptions_one_by_one(
    checked: Path, open_page: Any, capsys: Any
) -> None:
    labels = rows(checked, "ana").set_index("face_id")["label"].to_dict()
    agreed = set(labels) - set(rows(checked, "ben")["face_id"])
    expected: dict[str, str] = {}
    with checking(checked, "eva") as served:
        page = open_page(served.links["eva"])
        pages = []
        while page.locator("#many").is_visible():
            ready(page)
            faces = tiles(page)
            (label,) = {labels[one] for one in faces}
            pages.append(label)
            assert page.locator("#question").text_content() == f"Mark what is not {label}."
            page.keyboard.press("1")  # the label of a page is what people said, and stays
            page.keyboard.press("g")
            assert page.locator("#question").text_content() == f"Mark what is not {label}."
            expected |= dict.fromkeys(faces, label)
            if len(pages) == 1:
                page.locator("#tiles button").nth(1).click()
                marked = faces[1]
            press(page, "Enter")
            ready(page)
        assert shown(page) == marked
        press(page, "x")
        saved(page)
        assert page.locator("#done").is_visible()
    expected[marked] = "not_a_face"
    assert set(expected) == agreed and pages == sorted(pages, key=CLASSES.index)
    assert run(capsys, "submit", "--as", "eva")[0] == 0
    table = rows(checked, "eva")
    assert table.set_index("face_id")["label"].to_dict() == expected
    assert set(table["mode"]) == {"grid"}, "who has seen the label did not vote blind"
    assert f"people disagree on {CONFLICTS + 1} faces" in run(capsys, "status")[1]


def test_a_check_leaves_out_what_the_person_said_or_is_to_say(checked: Path, capsys: Any) -> None:
    code, said = run(capsys, "label", "--as", "ana", "--check", "--no-browser")
    assert code == 0 and "no labelled face waits for a check by ana" in said


def test_a_page_of_a_check_can_be_taken_back(checked: Path, open_page: Any) -> None:
    with checking(checked, "eva") as served:
        page = open_page(served.links["eva"])
        first = tiles(page)
        press(page, "Enter", "Backspace")
        ready(page)
        assert tiles(page) == first
        saved(page)
    with checking(checked, "eva") as served:
        page = open_page(served.links["eva"])
        assert tiles(page) == first and page.locator("#count").text_content() == "0 of 40"


def test_a_check_in_another_mode_is_refused(checked: Path, open_page: Any) -> None:
    with checking(checked, "eva") as served:
        page = open_page(served.links["eva"])
        answers = [{"face_id": tiles(page)[0], "label": "none", "seconds": 1}]
        for mode, status in (("page", 422), ("grid", 200)):
            reply = page.request.post(
                page.url + "votes",
                headers={"X-Faceloop": "1"},
                data=[{"action": "a-1", "mode": mode, "answers": answers}],
            )
            assert reply.status == status


# Who is asked


def deal(project: Path, names: dict[str, str]) -> None:
    path = project / "labels" / ROUND / "queue.csv"
    queue = pd.read_csv(path, dtype=str, keep_default_na=False)
    queue["annotators"] = queue["face_id"].map(names).fillna("")
    queue.to_csv(path, index=False)


def test_the_page_shows_a_person_what_they_are_asked(project: Path, open_page: Any) -> None:
    ids = sorted(rows(project, "ana")["face_id"])
    deal(project, dict.fromkeys(ids[:5], "eva ida") | dict.fromkeys(ids[5:], "ida"))
    with serving(project, "eva", "ida") as served:
        eva, ida = (open_page(served.links[name]) for name in ("eva", "ida"))
        assert eva.locator("#count").text_content() == "0 of 5"
        assert ida.locator("#count").text_content() == f"0 of {FACES}"
        faces = {shown(eva)}
        press(eva, "1", "1", "1", "1")
        ready(eva)
        faces.add(shown(eva))
        assert faces <= set(ids[:5])


def test_somebody_who_is_not_asked_is_refused_in_words(project: Path, capsys: Any) -> None:
    ids = sorted(rows(project, "ana")["face_id"])
    deal(project, dict.fromkeys(ids, "eva ida"))
    code, said = run(capsys, "label", "--as", "carl", "--no-browser")
    assert code == 2 and "o00-i00 was dealt out to eva, ida" in said
    assert "label.annotators" in said and f"labels/{ROUND}/queue.csv" in said
