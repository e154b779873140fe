"""The guidelines as the page shows them: the headings, lists and paragraphs of a Markdown file."""

from pathlib import Path

from faceloop.base.links import is_here
from faceloop.labels.vote_files import GUIDELINES

MARKS = {"# ": "h2", "## ": "h3", "- ": "ul", "* ": "ul"}
Element = list[str]  # an element's name and its text; of a list, its items' texts


def read_guidelines(path: Path = GUIDELINES) -> list[Element]:
    """Return the guidelines as elements, or one that says where to write them.

    Raises:
        FaceloopError: they are a link.
    """
    if not is_here(path):
        return [["p", f"There are none yet: write {path}."]]
    return elements_of(path.read_text(encoding="utf-8", errors="replace"))


def elements_of(text: str) -> list[Element]:
    """Return Markdown as elements; wrapped lines are joined, and nothing else is marked up."""
    found: list[Element] = []
    is_open = False  # whether the next line goes on with the last text
    for line in map(str.strip, text.splitlines()):
        mark = next((mark for mark in MARKS if line.startswith(mark)), None)
        if mark is None and line and is_open:
            found[-1][-1] += f" {line}"
        elif mark and MARKS[mark] == "ul" and found and found[-1][0] == "ul":
            found[-1].append(line.removeprefix(mark))
        elif line:
            found.append([MARKS[mark] if mark else "p", line.removeprefix(mark or "")])
        is_open = bool(line) and found[-1][0] in ("p", "ul")
    return found
