"""From facts to a page and to a pull request's comment."""

import base64
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from faceloop.commands.report.facts import Facts

MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~@])")


def as_html(report: Facts) -> str:
    """Return the report as one page that loads nothing from outside; all text is escaped."""
    loader = PackageLoader("faceloop.commands.report", "")
    style = loader.get_source(Environment(), "report.css")[0]
    return (
        environment(loader, html=True)
        .get_template("report.html.j2")
        .render(**report._asdict(), style=style)
    )


def as_markdown(report: Facts) -> str:
    """Return the report as Markdown: the figures alone, never a picture."""
    loader = PackageLoader("faceloop.commands.report", "")
    text = environment(loader, html=False).get_template("report.md.j2").render(**report._asdict())
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def environment(loader: PackageLoader, html: bool) -> Environment:
    """Return the templates' environment; a name that the facts lack is an error."""
    made = Environment(
        loader=loader,
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(shown=shown, md=md, svg_uri=svg_uri)
    return made


def shown(value: Any) -> str:
    """Return a value as people read it: three decimals, a dash for none."""
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def md(text: Any) -> str:
    """Return text that Markdown takes as it is: no link, cell, markup or mention."""
    return MARKDOWN.sub(r"\\\1", str(text).replace("\n", " "))


def svg_uri(svg: str) -> str:
    """Return an SVG as a data URI: its styles and ids stay its own."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
