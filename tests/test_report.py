"""The report: one page that says what the figures say, loads nothing, and shows no face unasked."""

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from faceloop.commands.cli import main
from faceloop.commands.report import contact_sheet
from faceloop.commands.report.changes import changes_since, differences, flat, labels_in
from faceloop.commands.report.curve import rounds_curve
from faceloop.commands.report.render import md

SEED, FIRST = "o00-i00", "o01-i00"


def git(*words: str) -> str:
    name = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *name, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(message: str) -> str:
    git("add", "-A", "labels", "metrics", "params.yaml")
    git("commit", "-qm", message)
    return git("rev-parse", "HEAD")


@pytest.fixture
def kept(second_round: Any) -> Any:
    """The judged first round, in git."""
    git("init", "-q")
    commit("Round o01-i00")
    return second_round


def report(capsys: Any, *words: str) -> tuple[str, str]:
    """Write a report; return its page and its Markdown."""
    assert main(["report", "--out", "../out.html", *words]) == 0
    assert "../out.html and ../out.md" in capsys.readouterr().out
    return Path("../out.html").read_text("utf-8"), Path("../out.md").read_text("utf-8")


def test_page_and_markdown_give_the_verdict_its_reasons_and_both_models(
    kept: Any, capsys: Any
) -> None:
    gate, figures = (
        json.loads(Path(f"metrics/{name}.json").read_text()) for name in ("gate", "iteration")
    )
    page, text = report(capsys)
    plain = html.unescape(re.sub(r"<[^>]+>", "", page))
    for reason in gate["reasons"]:
        assert reason in plain and md(reason) in text
    assert f"compared with o00-i00: {gate['verdict']}" in text
    for model in ("accepted", "candidate"):
        one = figures[model]["macro_f1"]
        shown = f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
        assert shown in plain and shown in text
    for name, of_class in figures["candidate"]["per_class"].items():
        assert f"| {name} | {of_class['n']} | {of_class['precision']:.2f} |" in text


def test_the_confusion_counts_add_up_to_the_faces(kept: Any, capsys: Any) -> None:
    page, _ = report(capsys)
    table = page[page.index('class="confusion"') :].partition("</table>")[0]
    counts = [int(found) for found in re.findall(r"<td style[^>]*>(\d+)</td>", table)]
    assert len(counts) == 9
    assert sum(counts) == json.loads(Path("metrics/iteration.json").read_text())["n"]


def test_the_page_loads_nothing_from_outside(kept: Any, capsys: Any) -> None:
    page, _ = report(capsys)
    assert "default-src 'none'" in page and "<script" not in page
    for target in re.findall(r"""(?:src|href)=["']([^"']*)""", page):
        assert target.startswith("data:image/"), target


def test_the_same_figures_give_the_same_bytes(kept: Any, capsys: Any) -> None:
    assert report(capsys, "--base", "HEAD") == report(capsys, "--base", "HEAD")


def test_no_face_is_shown_unless_params_say_so(
    kept: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "data:image/jpeg" not in "".join(report(capsys))
    kept.set({"report.faces": True})
    monkeypatch.setattr(contact_sheet, "SHOWN", 3)
    page, text = report(capsys)
    # 12 validation faces and 12 to learn from, three of each.
    assert page.count("data:image/jpeg") == 6 and "12 faces" in page
    assert "data:" not in text


def test_a_page_with_faces_is_not_written_where_git_takes_it(kept: Any, capsys: Any) -> None:
    kept.set({"report.faces": True})
    assert main(["report", "--out", "docs/out.html"]) == 2
    assert "../out.html" in capsys.readouterr().err
    assert not Path("docs").exists()
    assert main(["report"]) == 0
    assert "data:image/jpeg" in Path(".work/report.html").read_text()


def test_text_from_people_is_escaped(kept: Any, capsys: Any) -> None:
    path = Path("metrics/gate.json")
    hostile = "<img src=x onerror=alert(1)> | [a](http://b) @all"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"reasons": [hostile]}))
    page, text = report(capsys)
    assert "<img src=x" not in page and html.escape(hostile) in page
    assert r"\<img src=x onerror=alert(1)\> \| \[a\](http://b) \@all" in text


def test_figures_of_other_labels_are_refused(kept: Any, capsys: Any) -> None:
    Path("metrics/gate.json").unlink()
    assert main(["report"]) == 2
    assert "dvc repro" in capsys.readouterr().err


def test_an_unknown_base_is_refused(kept: Any, capsys: Any) -> None:
    assert main(["report", "--base", "o09-i09"]) == 2
    assert "'o09-i09' is no commit here" in capsys.readouterr().err


def test_what_changed_since_a_commit_is_counted(kept: Any, capsys: Any) -> None:
    votes = Path(f"labels/{FIRST}/ana.csv")
    lines = votes.read_text().splitlines(keepends=True)
    face, label = lines[1].strip().split(",")
    other = "glasses" if label != "glasses" else "none"
    votes.write_text("".join([lines[0], f"{face},{other}\n", *lines[3:]]))
    kept.add_votes(SEED, "ben", {"a": "none", "b": "none"})
    kept.set({"gate.target": 0.5})
    found = changes_since(git("rev-parse", "HEAD"), "before")
    assert [tuple(one) for one in found.params] == [("gate.target", 0.95, 0.5)]
    assert [tuple(one) for one in found.votes] == [
        (f"labels/{SEED}/ben.csv", 2, 0, 0),
        (f"labels/{FIRST}/ana.csv", 0, 1, 1),
    ]
    assert found.metrics == [] and found.labels == []


def test_a_vote_file_that_went_is_counted_as_removed(kept: Any) -> None:
    rows = len(Path(f"labels/{SEED}/ana.csv").read_text().splitlines()) - 1
    Path(f"labels/{SEED}/ana.csv").unlink()
    found = changes_since(git("rev-parse", "HEAD"), "before")
    assert [tuple(one) for one in found.votes] == [(f"labels/{SEED}/ana.csv", 0, 0, rows)]


def test_a_repro_since_then_shows_in_labels_and_figures(kept: Any, capsys: Any) -> None:
    truth = kept.truth()
    kept.add_votes(FIRST, "ben", {face: "glasses" for face in list(truth)[20:44]})
    kept.repro()
    found = changes_since(git("rev-parse", "HEAD"), "before")
    assert "unresolved" in [change.key for change in found.labels]
    assert "gate: labels" in [change.key for change in found.metrics]
    page, text = report(capsys, "--base", "HEAD")
    assert "What changed since HEAD" in page and f"| labels/{FIRST}/ben.csv | 24 | 0 | 0 |" in text


def test_the_curve_has_each_round_once_as_last_judged(kept: Any) -> None:
    gate, iteration = Path("metrics/gate.json"), Path("metrics/iteration.json")
    now, figures = json.loads(gate.read_text()), json.loads(iteration.read_text())
    for name, labels, value in ((SEED, 20, 0.3), (SEED, 20, 0.4), ("o07-i00", 99, 0.9)):
        gate.write_text(json.dumps(now | {"round": name, "labels": labels}))
        figures["candidate"]["macro_f1"] = {"value": value, "low": value - 0.1, "high": 1.0}
        iteration.write_text(json.dumps(figures))
        commit(f"{name} {value}")
    git("checkout", "-q", "HEAD~3", "--", "metrics")
    points = rounds_curve("macro_f1", [SEED, FIRST])
    assert [(point.round, point.labels) for point in points] == [(SEED, 20), (FIRST, now["labels"])]
    assert points[0].value == 0.4  # judged anew: the last counts; o07-i00 is no round of today


def test_a_project_without_git_has_a_report_of_its_own_round(second_round: Any) -> None:
    assert [point.round for point in rounds_curve("macro_f1", [SEED, FIRST])] == [FIRST]


def test_differences_name_what_came_changed_and_went() -> None:
    before, after = flat({"a": {"b": 1, "c": 2}, "d": 3}), flat({"a": {"b": 1, "c": 4}, "e": 5})
    assert differences(before, after) == [("a.c", 2, 4), ("d", 3, None), ("e", None, 5)]


def test_a_later_row_of_a_vote_file_stands() -> None:
    assert labels_in(b"\xef\xbb\xbfface_id,label\na,none\nb,none\na,glasses\n") == {
        "a": "glasses",
        "b": "none",
    }
