"""The labelling page in a real browser, and its server under attack from others."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
from browsing import GUARD_MS, press, ready, saved, shown
from PIL import Image

from benchmarks.label_project import (
    BATCH,
    ROOT,
    Served,
    draft_lines,
    lay_again,
    make_project,
    serving,
    start_server,
)
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import read_csv
from faceloop.commands.cli import main
from faceloop.commands.labelling.page.guard import Keys
from faceloop.commands.labelling.page.pictures import Pictures
from faceloop.commands.rounds.drafts import Draft
from faceloop.commands.settings import read_settings
from faceloop.faces.media import Unreadable
from faceloop.labels.vote_files import queue_path, read_queue
from faceloop.pool.queue import QUEUE

pytest.importorskip("starlette", reason="the page needs the extra: pip install -e .[label]")
httpx = pytest.importorskip("httpx", reason="the tests of the guard need httpx")
pytestmark = pytest.mark.usefixtures("warm_start")

ROUND, FACES = "o00-i00", 60
LABELS = {"1": "none", "2": "glasses", "3": "sunglasses", "u": "unsure", "x": "not_a_face"}
DEMO = ROOT / "data/raw/demo"


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("laid")
    make_project(folder, FACES, photos=3)
    return folder


@pytest.fixture
def project(laid: Path, tmp_path: Path) -> Path:
    """A seed round of 60 faces that nobody has looked at."""
    lay_again(laid, tmp_path)
    return tmp_path


def votes(project: Path, name: str = "ana") -> dict[str, str]:
    """Return the draft's labels by face."""
    labels: dict[str, str] = {}
    lines = draft_lines(project, name)
    undone = {line["undoes"] for line in lines}
    for line in lines:
        if line["action"] not in undone:
            labels |= {answer["face_id"]: answer["label"] for answer in line["answers"]}
    return labels


# Labelling


def test_fifty_faces_by_keyboard(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        expected = {}
        for turn in range(50):
            key = "123ux"[turn % 5]
            ready(page)
            expected[shown(page)] = LABELS[key]
            page.keyboard.press(key)
        saved(page)
        assert page.locator("#count").text_content() == "50 of 60"
        assert "an hour" in page.locator("#pace").text_content()
        page.keyboard.press("Escape")
    assert len(expected) == 50 and votes(project) == expected
    assert {line["mode"] for line in draft_lines(project, "ana")} == {"page"}
    assert all(line["answers"][0]["seconds"] > 0 for line in draft_lines(project, "ana"))


def test_the_number_pad_and_shifted_digits_answer_too(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, "Numpad1", "Shift+Digit2")
        saved(page)
    assert list(votes(project).values()) == ["none", "glasses"]


def test_the_last_face_ends_with_what_to_type(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, *"1" * FACES)
        saved(page)
        assert page.locator("#submit").text_content() == "faceloop submit --as ana"
        page.keyboard.press("1")
        page.keyboard.press("Backspace")
        ready(page)
        assert page.locator("#count").text_content() == "59 of 60"
        saved(page)
    assert len(votes(project)) == 59


def test_undo_goes_back_face_by_face(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        first = shown(page)
        press(page, "1", "2")
        ready(page)
        third = shown(page)
        press(page, "3", "Backspace")
        ready(page)
        assert shown(page) == third
        press(page, "Backspace", "Backspace")
        ready(page)
        assert shown(page) == first
        assert page.locator("#undo").is_disabled()
        press(page, "Backspace", "x")
        saved(page)
    assert votes(project) == {first: "not_a_face"}


def test_a_skipped_face_comes_back_last_and_undo_takes_a_skip_back(
    project: Path, open_page: Any
) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        first = shown(page)
        press(page, "s")
        ready(page)
        assert shown(page) != first
        press(page, "Backspace")
        ready(page)
        assert shown(page) == first
        press(page, "s", *"1" * (FACES - 1))
        ready(page)
        assert shown(page) == first
        press(page, "2")
        saved(page)
    assert votes(project)[first] == "glasses" and len(votes(project)) == FACES


def test_a_held_key_and_a_key_too_soon_count_once(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        page.clock.pause_at(page.evaluate("Date.now()") + 1000)
        page.keyboard.down("1")
        page.wait_for_selector("main[aria-busy=false]")
        page.keyboard.press("2")  # meant for the face before
        page.clock.run_for(GUARD_MS + 10)
        page.keyboard.down("1")  # the keyboard repeats what is held
        assert page.locator("#count").text_content() == "1 of 60"
        page.keyboard.up("1")
        page.keyboard.press("2")
        saved(page)
    assert list(votes(project).values()) == ["none", "glasses"]


def test_twelve_crops_are_loaded_ahead(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        page.wait_for_load_state("networkidle")
        page.route("**/crops/*", lambda route: route.abort())
        press(page, *"1" * 8)  # no crop can be loaded, and none needs to be
        ready(page)
        assert page.locator("#failure").is_hidden()
        assert page.locator("#count").text_content() == "8 of 60"


def test_holding_space_shows_the_source(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        face = shown(page)
        page.keyboard.down(" ")
        image = page.locator("#context img")
        assert Path(image.get_attribute("src")).stem == face
        assert image.evaluate("one => one.decode().then(() => one.naturalWidth)") == 960
        page.keyboard.up(" ")
        assert page.locator("#context").is_hidden()
        press(page, "1")
        saved(page)


def test_guidelines_open_and_close(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        page.keyboard.press("?")
        assert page.locator("#guidelines h2").text_content() == "How to label"
        page.keyboard.press("1")  # read on: nothing is answered
        page.keyboard.press("Escape")
        assert page.locator("#count").text_content() == "0 of 60"


def test_mouse_and_touch(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(
            served.links["ana"], has_touch=True, viewport={"width": 390, "height": 760}
        )
        page.get_by_role("group", name="Labels").get_by_role("button", name="glasses").nth(0).tap()
        ready(page)
        page.locator("#undo").tap()
        ready(page)
        page.get_by_role("button", name="not a face").click()
        page.locator("#source").click()
        page.locator("#context").click()
        assert page.locator("#context").is_hidden()
        saved(page)
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert list(votes(project).values()) == ["not_a_face"]


def test_every_control_has_a_name_and_answers_are_announced(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        names = page.locator("button:visible").all_inner_texts()
        assert len(names) >= 10 and all(re.search(r"[a-z]{3}", name) for name in names)
        assert page.locator("#picture img").get_attribute("alt")
        assert page.locator("#spoken").get_attribute("aria-live") == "polite"
        press(page, "2")
        assert page.locator("#spoken").text_content() == "glasses. 59 left."
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('button:focus-visible')")
        ready(page)
        page.keyboard.press("Enter")  # on the focused button, by the browser itself
        saved(page)
    assert list(votes(project).values())[1] == "none"


# The grid


def test_the_grid_answers_all_but_the_exceptions(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, "g")
        ready(page)
        assert page.locator("#tiles button").count() == 32
        page.keyboard.press("Enter")  # nothing is proposed until somebody does
        assert page.locator("#commit").is_disabled()
        page.keyboard.press("2")
        sources = page.locator("#tiles img").evaluate_all("all => all.map(one => one.src)")
        first_page = [Path(source).stem for source in sources]
        page.locator("#tiles button").nth(3).click()
        page.locator("#tiles button").nth(5).click()
        page.locator("#tiles button").nth(5).click()  # taken back
        assert page.locator("#verdict").text_content() == "31 are glasses, 1 for later"
        press(page, "Enter")
        ready(page)
        saved(page)
        (line,) = draft_lines(project, "ana")
        assert line["mode"] == "grid" and {one["label"] for one in line["answers"]} == {"glasses"}
        assert [one["face_id"] for one in line["answers"]] == [
            face for place, face in enumerate(first_page) if place != 3
        ]
        press(page, "Enter")
        ready(page)  # 28 more; then the exception is asked alone
        assert shown(page) == first_page[3]
        press(page, "3")
        saved(page)
    assert votes(project)[first_page[3]] == "sunglasses" and len(votes(project)) == FACES


def test_the_grid_by_keyboard_alone(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, "g", "1")
        page.locator("#tiles button").nth(0).focus()
        page.keyboard.press("Tab")
        page.keyboard.press(" ")  # marks the second
        assert page.locator("#verdict").text_content() == "31 are none, 1 for later"
        press(page, "Enter")  # commits, though a face has the focus
        saved(page)
        ready(page)
        assert page.locator("#count").text_content() == "31 of 60"


def test_undo_takes_back_a_page_of_the_grid(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, "g", "1", "Enter", "Backspace")
        ready(page)
        assert page.locator("#count").text_content() == "0 of 60"
        saved(page)
    assert votes(project) == {}


def test_the_grid_goes_cluster_by_cluster(project: Path, open_page: Any) -> None:
    queue = read_csv(project / queue_path(ROUND), QUEUE)
    cluster = dict(zip(queue["face_id"], queue["cluster"], strict=True))
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, "g")
        ready(page)
        sources = page.locator("#tiles img").evaluate_all("all => all.map(one => one.src)")
    clusters = [cluster[Path(source).stem] for source in sources]
    assert clusters == sorted(clusters)


# Saving


def test_labelling_goes_on_after_the_server_was_killed(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        press(page, "1", "2", "3")
        saved(page)
        ready(page)
        fourth = shown(page)
    before = votes(project)  # the server has been killed
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        assert shown(page) == fourth
        assert page.locator("#count").text_content() == "3 of 60"
        press(page, "Backspace")
        ready(page)
        assert shown(page) == list(before)[-1]
        press(page, "u")
        saved(page)
    assert list(votes(project).values()) == ["none", "glasses", "unsure"]


def test_a_kill_at_any_moment_loses_no_acknowledged_answer(project: Path) -> None:
    acknowledged: list[str] = []
    under_way = threading.Event()

    def answer(served: Served) -> None:
        client = visitor(served)
        faces = client.get("task").json()["faces"]
        for face_id in faces * 100:
            answers = [{"face_id": face_id, "label": "none", "seconds": 1}]
            action = {"action": f"a-{len(acknowledged)}", "answers": answers}
            try:
                reply = client.post("votes", json=[action], headers={"X-Faceloop": "1"})
            except httpx.HTTPError:
                return
            assert reply.status_code == 200
            acknowledged.append(action["action"])
            if len(acknowledged) == 30:
                under_way.set()

    with serving(project, "ana") as served:
        answering = threading.Thread(target=answer, args=(served,))
        answering.start()
        assert under_way.wait(30)
        served.kill()
        answering.join()
    with chdir(project), Draft(ROUND, "ana") as draft:
        kept = [action.action for action in draft.standing()]
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1  # one may have come to disk and not to the page


def test_labelling_stops_at_a_failed_save_and_goes_on_when_it_works(
    project: Path, open_page: Any
) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        page.route("**/votes", lambda route: route.abort())
        press(page, "1")
        page.wait_for_selector("#failure[open]")
        assert "1 answer is not saved" in page.locator("#reason").text_content()
        assert page.locator("#saved").text_content() == "1 unsaved"
        ready(page)
        page.keyboard.press("2")
        page.keyboard.press("Escape")
        assert page.locator("#failure").is_visible()
        assert page.locator("#count").text_content() == "1 of 60"
        page.unroute("**/votes")
        page.keyboard.press("Enter")
        page.wait_for_selector("#failure", state="hidden")
        saved(page)
        press(page, "2")
        saved(page)
    assert list(votes(project).values()) == ["none", "glasses"]


def test_an_answer_whose_acknowledgement_was_lost_is_kept_once(
    project: Path, open_page: Any
) -> None:
    def lose(route: Any) -> None:
        route.fetch()  # it reaches the disk
        route.abort()  # and the page never hears of it

    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        page.route("**/votes", lose)
        press(page, "1")
        page.wait_for_selector("#failure[open]")
        page.unroute("**/votes")
        page.keyboard.press("Enter")
        saved(page)
    assert len(draft_lines(project, "ana")) == 1


def test_the_page_never_waits_for_a_save(project: Path, open_page: Any) -> None:
    held: list[Any] = []
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        page.route("**/votes", lambda route: held.append(route))
        press(page, "1", "2", "3")
        assert page.locator("#saved").text_content() == "3 unsaved"
        assert len(held) == 1
        page.unroute("**/votes")  # lets the held one go on its way
        saved(page)
    assert list(votes(project).values()) == ["none", "glasses", "sunglasses"]


def test_a_server_that_is_gone_stops_labelling_with_a_reason(project: Path, open_page: Any) -> None:
    with serving(project, "ana") as served:
        page = open_page(served.links["ana"])
        served.kill()
        press(page, "1")
        page.wait_for_selector("#failure[open]")
        assert "Is 'faceloop label' still running?" in page.locator("#reason").text_content()


# Two people, and the others


def test_the_documented_way_from_page_to_votes(
    project: Path, open_page: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """docs/guide/label.md: its commands are these, and two people's answers become two files."""
    text = (ROOT / "docs/guide/label.md").read_text(encoding="utf-8")
    part = text.partition("## Two people")[0]  # what follows has a test of its own
    commands = re.findall(r"^\$ faceloop ([^#\n]+)", part, flags=re.MULTILINE)
    assert [command.strip() for command in commands] == [
        "label --as ana",
        "submit --as ana",
        "label --as ana --as ben",
    ]
    with serving(project, "ana", "ben") as served:
        for name, key in (("ana", "1"), ("ben", "2")):
            page = open_page(served.links[name])
            press(page, "g", key, "Enter")
            saved(page)
            press(page, "Enter")
            saved(page)
    monkeypatch.chdir(project)
    assert [main(["submit", "--as", name]) for name in ("ana", "ben")] == [0, 0]
    assert "submit: 60 votes by ben" in capsys.readouterr().out
    files = [pd.read_csv(project / "labels" / ROUND / f"{name}.csv") for name in ("ana", "ben")]
    assert [set(table["label"]) for table in files] == [{"none"}, {"glasses"}]
    assert [set(table["mode"]) for table in files] == [{"grid"}, {"grid"}]


def test_the_documented_keys_are_the_pages() -> None:
    text = (ROOT / "docs/guide/label.md").read_text(encoding="utf-8")
    table = text.partition("## Keys")[2].partition("## ")[0]
    told = set(re.findall(r"^\| `([^`]+)`", table, flags=re.MULTILINE))
    html = (ROOT / "faceloop/commands/labelling/page/index.html").read_text(encoding="utf-8")
    printed = set(re.findall(r'aria-keyshortcuts="([^"]+)"', html)) - {"Enter"}
    assert told == printed | {"1", "u", "x"}


def test_two_people_label_at_once_and_do_not_see_each_other(project: Path, open_page: Any) -> None:
    with serving(project, "ana", "ben") as served:
        ana, ben = open_page(served.links["ana"]), open_page(served.links["ben"])
        assert shown(ana) != shown(ben)
        for _ in range(5):
            press(ana, "1")
            press(ben, "2")
        saved(ana)
        saved(ben)
        assert ben.locator("#count").text_content() == "5 of 60"
        address = served.links["ben"].partition("?")[0]
        assert ana.request.get(f"{address}task").status == 403
    assert set(votes(project, "ana").values()) == {"none"}
    assert set(votes(project, "ben").values()) == {"glasses"}


def test_ctrl_c_says_how_far_everybody_got(project: Path, open_page: Any) -> None:
    served = start_server(project, "ana", "ben")
    page = open_page(served.links["ben"])
    press(page, "1")
    saved(page)
    said = served.stop()
    assert served.process.returncode == 0
    assert "label: ana answered 0 of 60" in said and "label: ben answered 1 of 60" in said
    assert "faceloop submit --as ben (1 answer of o00-i00)" in said
    assert "submit --as ana" not in said  # who answered nothing


def test_a_second_server_for_the_same_person_is_refused(project: Path) -> None:
    with serving(project, "ana"), pytest.raises(RuntimeError, match="ended with 2"):
        start_server(project, "ana")


@pytest.fixture(scope="module")
def server(laid: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that nobody labels on."""
    folder = tmp_path_factory.mktemp("asked")
    lay_again(laid, folder)
    with serving(folder, "ana", "ben") as served:
        yield served


def routes(laid: Path) -> list[str]:
    face_id = read_csv(laid / queue_path(ROUND), QUEUE)["face_id"][0]
    files = ["", "page.css", "page.js", "icon.svg", "task", "nothing"]
    return [*files, f"crops/{face_id}.jpg", f"sources/{face_id}.jpg", "votes"]


@cache
def entered(link: str) -> Any:
    """Return the answer to a link, which works once."""
    return httpx.get(link)


def visitor(served: Served, name: str = "ana", enter: bool = True) -> Any:
    """Return a client at somebody's part of the server, with their cookie if they enter."""
    parts = urlsplit(served.links[name])
    client = httpx.Client(base_url=f"{parts.scheme}://{parts.netloc}/{name}/")
    if enter:
        client.cookies = entered(served.links[name]).cookies
        assert client.get("").status_code == 200
    return client


def test_a_link_works_once_and_its_cookie_from_then_on(server: Served) -> None:
    client, link = visitor(server), server.links["ana"]
    again = httpx.get(link)
    assert again.status_code == 403 and "set-cookie" not in again.headers
    assert "A link works once" in again.text
    assert client.get(link).status_code == client.get("task").status_code == 200


def test_a_link_that_was_only_looked_at_still_works() -> None:
    keys = Keys(["ana", "ben"])
    link, other = keys.link("ana"), keys.link("ana")
    token = link.partition("token=")[2]
    assert link != other  # what starts the browser is not what is printed
    assert not keys.lets_in("ben", token) and not keys.lets_in("ana", token[:-1])
    assert keys.lets_in("ana", token) and not keys.lets_in("ana", token)
    assert keys.lets_in("ana", other.partition("token=")[2])


def test_every_route_is_refused_without_a_token(laid: Path, server: Served) -> None:
    client = visitor(server, enter=False)
    for route in [
        *routes(laid),
        "/",
        "/favicon.ico",
        "/carl/task",
        "//task",
        "?token=",
        "?token=é",
    ]:
        for method in ("GET", "POST", "HEAD", "PUT"):
            reply = client.request(method, route, headers={"X-Faceloop": "1"}, content=b"[]")
            assert reply.status_code == 403, (method, route)
    assert client.get("task?token=guess").status_code == 403


def test_every_route_is_refused_to_a_foreign_host(laid: Path, server: Served) -> None:
    client = visitor(server)
    for route in routes(laid):
        for host in ("evil.example", "127.0.0.1.evil.example", "ana"):
            assert client.get(route, headers={"Host": host}).status_code == 400, (route, host)
    link = server.links["ana"]
    assert "set-cookie" not in client.get(link, headers={"Host": "evil.example"}).headers
    assert client.get("task", headers={"Host": "localhost"}).status_code == 200


def test_one_persons_cookie_opens_nothing_of_anothers(laid: Path, server: Served) -> None:
    ana, ben = visitor(server, "ana"), visitor(server, "ben", enter=False)
    stolen = {"Cookie": "; ".join(f"{name}={value}" for name, value in ana.cookies.items())}
    for route in routes(laid):
        assert ben.get(route, headers=stolen).status_code == 403


def test_the_cookie_is_strict_and_hidden_from_scripts(server: Served) -> None:
    cookie = entered(server.links["ana"]).headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/ana/"))
    token = server.links["ana"].partition("token=")[2]
    assert token not in cookie and len(token) >= 32


def test_every_answer_carries_the_headers(laid: Path, server: Served) -> None:
    client = visitor(server)
    for route in [*routes(laid), "/"]:
        headers = client.get(route).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


def test_a_post_without_the_pages_header_is_refused(server: Served) -> None:
    client = visitor(server)
    assert client.post("votes", content=b"[]").status_code == 403
    assert client.post("votes", content=b"[]", headers={"X-Faceloop": "1"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"{}", b'[{"action": "a"}]', b'[{"action": "a", "undoes": "b", "x": 1}]',
     b'[{"action": "a", "answers": [{"face_id": "f", "label": "none", "seconds": 1}]}]',
     b'[{"action": "a", "answers": [{"face_id": "f", "label": "none", "seconds": NaN}]}]'],
)  # fmt: skip
def test_a_post_of_nonsense_is_refused_in_words(server: Served, body: bytes) -> None:
    reply = visitor(server).post("votes", content=body, headers={"X-Faceloop": "1"})
    assert reply.status_code == 422 and reply.text.strip()


def test_a_post_that_is_too_large_is_refused(server: Served) -> None:
    reply = visitor(server).post("votes", content=b" " * 1_000_000, headers={"X-Faceloop": "1"})
    assert reply.status_code == 413


@pytest.mark.parametrize("name", ["0" * 15 + "f", "..%2F..%2Fparams", "../../../params.yaml", ""])
def test_pictures_are_found_by_a_queued_face_alone(server: Served, name: str) -> None:
    client = visitor(server)
    for kind in ("crops", "sources"):
        assert client.get(f"{kind}/{name}.jpg").status_code in (403, 404)


def test_it_listens_on_this_machine_alone(server: Served) -> None:
    port = urlsplit(server.links["ana"]).port
    table = Path("/proc/net/tcp")
    if not table.is_file():
        pytest.skip("no /proc/net/tcp here")
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]
    assert listening == [f"0100007F:{port:04X}"]


def test_nothing_sent_tells_purpose_prediction_or_counts(laid: Path, server: Served) -> None:
    client = visitor(server)
    told = [client.get(route) for route in routes(laid)]
    words = ("purpose", "validation", "representative", "inclusion", "score", 'cluster"', "0.5")
    for reply in told:
        if reply.headers["content-type"].startswith(("text/html", "application/json", "text/css")):
            assert not [word for word in words if word in reply.text], reply.url
    task = json.loads(client.get("task").text)
    assert set(task) == {
        "command", "title", "annotator", "labels", "total", "faces", "history", "guidelines",
        "grid", "proposed", "sides",
    }  # fmt: skip
    assert [set(label) for label in task["labels"]] == [{"label", "key", "title"}] * 5


# Pictures


def test_a_video_frame_is_shown_with_the_face_in_the_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frame 24 of the demo's video; frame 23 was never looked at."""
    make_project(tmp_path, 2, photos=1)
    (tmp_path / "data/raw" / BATCH / "walk.mp4").symlink_to(DEMO / "videos/walk.mp4")
    monkeypatch.chdir(tmp_path)
    settings, queue = read_settings(), read_queue(ROUND)
    seen, unseen = queue["asked_id"]
    box = {"x0": 182, "y0": 80, "x1": 220, "y1": 125}
    pictures = Pictures(queue.assign(source="walk.mp4", frame=[24, 23], **box), settings)
    with Image.open(BytesIO(pictures.source(seen))) as shown:
        assert shown.size == (640, 360)
        assert min(shown.convert("L").getpixel((x, 76)) for x in (190, 200, 210)) > 180
    with pytest.raises(Unreadable, match="has no frame 23"):
        pictures.source(unseen)


def test_a_queue_cannot_reach_outside_its_batch(
    laid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(laid / "data")
    monkeypatch.chdir(laid)
    settings, queue = read_settings(), read_queue(ROUND)
    asked_id = queue["asked_id"][0]
    for source in ("../drawn/00.jpg", "/etc/hostname", f"../{BATCH}/../{BATCH}/00.jpg", "no.jpg"):
        pictures = Pictures(queue.assign(source=source), settings)
        with pytest.raises(Unreadable, match="is not here"):
            pictures.source(asked_id)


def test_a_crop_that_the_pack_lacks_is_named_before_anybody_starts(
    laid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(laid)
    with pytest.raises(FaceloopError, match=r"drawn\.zip lacks face gone"):
        Pictures(read_queue(ROUND).assign(asked_id="gone"), read_settings())
