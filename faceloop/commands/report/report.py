"""`faceloop report`: the round on one page, and as Markdown for its pull request."""

import argparse
from pathlib import Path

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.commands.rounds.state import read_state

WORK = Path(".work")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to compare with and where to write."""
    parser.add_argument("--base", metavar="REV", help="commit, tag or branch to compare with")
    parser.add_argument(
        "--out",
        type=Path,
        default=WORK / "report.html",
        metavar="FILE",
        help="the page; the Markdown lies beside it (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page and the Markdown.

    Raises:
        FaceloopError: the figures are older than labels or params, git does not know the commit, or
            a page with faces would lie where git takes it.
    """
    from faceloop.commands.report.facts import read_facts
    from faceloop.commands.report.render import as_html, as_markdown

    out, state = arguments.out, read_state()
    if out.suffix != ".html":
        raise FaceloopError(f"--out {out}: name a file that ends in .html")
    wanted = state.settings.report
    inside, work = Path.cwd(), (Path.cwd() / WORK).resolve()
    place = out.resolve()
    if wanted.faces and place.is_relative_to(inside) and not place.is_relative_to(work):
        raise FaceloopError(
            f"--out {out}: faces must not lie where git takes them: try ../{out.name}"
        )
    if not state.is_judged:
        raise FaceloopError("the figures are older than labels or params: run 'dvc repro'")
    report = read_facts(state, arguments.base, wanted.faces)
    for path, text in ((out, as_html(report)), (out.with_suffix(".md"), as_markdown(report))):
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")
    print(f"report: {out} and {out.with_suffix('.md')}")
    return 0
