"""The page on every screen and for everybody: sizes, keyboards, many classes, source, axe-core."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from browsing import press, ready, saved, shown
from test_reviews import set_params

from benchmarks.label_project import add_votes, draft_lines, make_project, serving
from faceloop.commands.cli import main

pytest.importorskip("starlette", reason="the page needs the extra: pip install -e .[label]")
pytestmark = pytest.mark.usefixtures("warm_start")

ROUND, FACES = "o00-i00", 40
CLASSES = ["none", "glasses", "sunglasses"]
MANY = [*CLASSES, *(f"kind_{number}" for number in range(4, 31))]
LAPTOPS = [(1280, 640), (1366, 640), (1366, 680)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_project(tmp_path, FACES, photos=2)
    set_params(tmp_path, {"batches": ["drawn"]})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def size(width: int, height: int) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": height}}


def is_in_view(page: Any, selector: str) -> bool:
    """Tell whether an element is wholly on the screen, and nothing lies over its middle."""
    return page.locator(selector).first.evaluate(
        """one => {
          const box = one.getBoundingClientRect();
          const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
          return box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight + 0.5
            && box.right <= innerWidth + 0.5 && (one.contains(top) || top.contains(one));
        }"""
    )


def press_place(page: Any, key: str, code: str) -> None:
    """Press a key that types something else than it does on a Latin keyboard."""
    ready(page)
    page.evaluate(
        """([key, code]) => document.body.dispatchEvent(
          new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true }))""",
        [key, code],
    )


@pytest.mark.parametrize(("width", "height"), LAPTOPS)
def test_the_grid_covers_nothing_and_keeps_the_footer(
    project: Path, open_page: Any, width: int, height: int
) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"], **size(width, height))
        press(page, "g", "1")
        for selector in ("#commit", "#undo", "#help", "#question"):
            assert is_in_view(page, selector), selector
        for place in range(32):
            assert is_in_view(page, f"#tiles button:nth-child({place + 1})"), place


@pytest.mark.parametrize(("width", "height"), [*LAPTOPS, (390, 760), (360, 640)])
def test_with_thirty_classes_the_face_stays_in_view(
    project: Path, open_page: Any, width: int, height: int
) -> None:
    set_params(project, {"classes": MANY})
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"], **size(width, height))
        last = page.locator("#labels button").last
        last.scroll_into_view_if_needed()
        for selector in ("#picture img", "#find", "#labels button:last-child", "#undo", "#help"):
            assert is_in_view(page, selector), selector
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        last.click()
        saved(page)
    assert [one["answers"][0]["label"] for one in draft_lines(project, "ana")] == ["not_a_face"]


def test_typing_finds_a_class(project: Path, open_page: Any) -> None:
    set_params(project, {"classes": MANY})
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, ".")
        page.keyboard.type("d 29")
        assert page.locator("#labels button:visible").all_inner_texts() == ["w\nkind 29"]
        page.keyboard.press("Enter")
        ready(page)
        assert page.locator("#labels button:visible").count() == 32
        press(page, ".")
        page.keyboard.type("no such")
        page.keyboard.press("Enter")  # answers nothing
        assert page.locator("#count").text_content() == "1 of 40"
        press(page, "Escape", "1")
        saved(page)
    labels = [one["answers"][0]["label"] for one in draft_lines(project, "ana")]
    assert labels == ["kind_29", "none"]


@pytest.mark.parametrize(
    ("key", "code", "label"),
    [
        ("\u0433", "KeyU", "unsure"),  # Russian
        ("\u03c7", "KeyX", "not_a_face"),  # Greek
        ("\u05e1", "KeyX", "not_a_face"),  # Hebrew
        ("Process", "KeyU", "unsure"),  # an input method
    ],
)
def test_letters_count_by_place_where_they_are_not_latin(
    project: Path, open_page: Any, key: str, code: str, label: str
) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press_place(page, "p", code)  # on another Latin layout it types p, and means that
        press_place(page, key, code)
        saved(page)
    assert [one["answers"][0]["label"] for one in draft_lines(project, "ana")] == [label]


def test_keys_of_one_character_can_be_switched_off(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        page.locator("#shortcuts").click()
        press(page, "1", "u", "s", " ")
        assert page.locator("#count").text_content() == "0 of 40"
        assert page.locator("#context").is_hidden()
        page.reload()
        ready(page)
        assert page.locator("#shortcuts").text_content() == "keys off"
        page.get_by_role("button", name="sunglasses").click()
        press(page, "Backspace")
        page.locator("#shortcuts").click()
        press(page, "2")
        saved(page)
    assert len(draft_lines(project, "ana")) == 3


def test_a_page_confirmed_before_anyone_could_look_is_asked_about_again(
    project: Path, open_page: Any
) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, "g", "1")
        page.clock.pause_at(page.evaluate("Date.now()") + 1000)
        page.keyboard.press("Backspace")  # nothing to take back
        page.locator("#grid").click()
        page.locator("#grid").click()
        ready(page)
        page.keyboard.press("Enter")
        assert "32 faces in 0.1 s? Look again" in page.locator("#verdict").text_content()
        assert page.locator("#count").text_content() == "0 of 40"
        press(page, "Enter")
        ready(page)
        assert page.locator("#count").text_content() == "32 of 40"


def test_the_source_fills_the_screen_and_takes_the_keys(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"], **size(1600, 1000))
        page.keyboard.down(" ")
        image = page.locator("#context img")
        image.evaluate("one => one.decode()")
        # The photo is 960 pixels wide: it is shown larger than it is.
        assert image.evaluate("one => one.getBoundingClientRect().width") > 1500
        assert page.locator("#context").get_attribute("aria-modal") == "true"
        assert page.evaluate("document.getElementById('context').contains(document.activeElement)")
        for key in ("1", "u", "s", "Backspace", "+", "+", "ArrowUp"):
            page.keyboard.press(key)
        assert image.evaluate("one => one.getBoundingClientRect().width") > 4500
        assert "1.25" in image.evaluate("one => getComputedStyle(one).filter")
        page.keyboard.up(" ")
        assert page.locator("#context").is_hidden()
        assert page.locator("#count").text_content() == "0 of 40"
        page.locator("#source").click()
        page.keyboard.press("Escape")
        assert page.locator("#context").is_hidden()


def test_a_note_stands_beside_any_answer(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        assert page.locator("#note").is_hidden()
        face = shown(page)
        press(page, "/")
        page.keyboard.type("glare, 1 s")
        page.keyboard.press("Enter")
        press(page, "u", "1")
        saved(page)
    assert main(["submit", "--as", "ana"]) == 0
    votes = pd.read_csv(f"labels/{ROUND}/ana.csv", dtype=str, keep_default_na=False)
    assert votes.set_index("face_id")["note"][face] == "glare, 1 s"
    assert sorted(votes["note"]) == ["", "glare, 1 s"]


# axe-core, on every view


def labelling(page: Any) -> None:
    press(page, "1")
    saved(page)


def noting(page: Any) -> None:
    press(page, "/")


def grid(page: Any) -> None:
    press(page, "g", "1")
    page.locator("#tiles button").first.click()


def source(page: Any) -> None:
    page.locator("#source").click()
    page.locator("#context img").evaluate("one => one.decode()")


def guidelines(page: Any) -> None:
    press(page, "?")


def done(page: Any) -> None:
    press(page, *"1" * FACES)


def failure(page: Any) -> None:
    page.route("**/votes", lambda route: route.abort())
    press(page, "1")
    page.wait_for_selector("#failure[open]")


def keyless(page: Any) -> None:
    page.locator("#shortcuts").click()


def finds(page: Any) -> list[str]:
    """Return what axe-core finds wrong with the page as it is."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python"
    )
    violations = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html']} {node['failureSummary']}"
        for one in violations
        for node in one["nodes"]
    ]


VIEWS = [labelling, noting, grid, source, guidelines, keyless, failure, done]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_labelling(project: Path, open_page: Any, scheme: str) -> None:
    with serving(project, "ana") as served:
        found = {}
        for view in VIEWS:
            page = open_page(served.links["ana"], color_scheme=scheme)
            view(page)
            found[view.__name__] = finds(page)
        assert found == {view.__name__: [] for view in VIEWS}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_with_many_classes_or_in_a_review(
    project: Path, open_page: Any, scheme: str
) -> None:
    ids = sorted(pd.read_csv(f"labels/{ROUND}/queue.csv", dtype=str)["face_id"])
    add_votes(project, {name: dict.fromkeys(ids, name) for name in ("glasses", "none")})
    with serving(project, "carl", command=("adjudicate",)) as served:
        assert finds(open_page(served.links["carl"], color_scheme=scheme)) == []
    set_params(project, {"classes": MANY})
    with serving(project, "carl") as served:
        for screen in (size(1366, 640), size(390, 760)):
            page = open_page(served.links["carl"], color_scheme=scheme, **screen)
            assert finds(page) == []
            press(page, "g")
            assert finds(page) == []
