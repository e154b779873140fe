"""What docs name is there: links, paths, commands, packages, and what the README shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from clones import ROOT

from faceloop.commands.cli import COMMANDS

DOCS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*/*.md"), *ROOT.glob("benchmarks/results/*.md")]
)
SAYING = [
    *DOCS,
    *(ROOT / name for name in ("params.yaml", "dvc.yaml", "Makefile", ".gitattributes")),
    *(path for name in ("faceloop", "stages", "demo") for path in (ROOT / name).rglob("*.py")),
    *(ROOT / "benchmarks").glob("*.py"),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
# `loop/` and `stages/core/` were folders once.
PATH = re.compile(
    r"(?<![\w/.>~-])(?:faceloop|stages|loop|tests|docs|benchmarks|demo|\.github)/"
    r"[\w./-]*[\w/](?![\w*{<])"
)
MODULE = re.compile(r"python -m ((?:stages|benchmarks|faceloop)(?:\.\w+)+)")
COMMAND = re.compile(r"(?:\$ |`|  )faceloop (\w+)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


def test_docs_are_found() -> None:
    names = {name_of(path) for path in DOCS}
    assert {"README.md", "docs/guide/label.md", "docs/why/engine.md"} <= names
    assert "benchmarks/results/strategies.md" in names


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_relative_to(ROOT) and target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (path.parent / link.partition("#")[0]).resolve()
        for path in DOCS
        for link in LINK.findall(path.read_text(encoding="utf-8"))
    }
    pages = {path for path in DOCS if path.parent != ROOT}
    assert sorted(map(name_of, pages - linked)) == []


def test_no_path_is_named_that_is_not_there() -> None:
    missing = []
    for path in SAYING:
        text = path.read_text(encoding="utf-8")
        modules = [f"{module.replace('.', '/')}.py" for module in MODULE.findall(text)]
        named = {*PATH.findall(LINK.sub("", text)), *modules}
        missing += [(name_of(path), name) for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_every_command_that_docs_name_is_one() -> None:
    named = {name for path in DOCS for name in COMMAND.findall(path.read_text(encoding="utf-8"))}
    assert {"label", "engine", "release"} <= named <= set(COMMANDS)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_package_is_on_the_map(page: str) -> None:
    table = re.findall(r"^\|.*\|$", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`(\w+)`", row)}
    packages = {path.parent.name for path in (ROOT / "faceloop").glob("*/__init__.py")}
    assert sorted(packages - named) == []


def test_the_readme_shows_what_status_says_of_the_demo() -> None:
    part = (ROOT / "README.md").read_text(encoding="utf-8").partition("## See it run")[2]
    shown = part.partition("$ make run\n")[2].partition("```")[0].splitlines()
    status = [sys.executable, "-m", "faceloop.commands.cli", "status"]
    said = subprocess.run(status, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    figures = [line for line in shown if "..." not in line and not line.startswith("next")]
    assert len(figures) >= 5
    assert [line for line in figures if line not in said.splitlines()] == []
