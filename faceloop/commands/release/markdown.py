"""Markdown for the cards: names that people chose are escaped, figures come with intervals."""

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from faceloop.commands.release.contents import Contents
from faceloop.statistics.estimates import Estimate

USES = {
    "intended": (
        "Auditing representation: how groups of people appear in news, film or an archive, in\n"
        "aggregate, by people who have a lawful basis to process these pictures. Labels are\n"
        "*perceived* attributes as annotators see them, not facts about anyone."
    ),
    "excluded": (
        "Identifying, tracking, scoring or profiling a person; deciding anything about a person;\n"
        "inferring for anyone an origin, belief, health or orientation; recognising who it is."
    ),
    "to_be_answered": "*To be answered by whoever publishes this.*",
}


def filled(template: str, contents: Contents, **values: object) -> str:
    """Return a card's template, a file beside this, with its blanks filled."""
    text = Path(__file__).with_name(template).read_text(encoding="utf-8")
    return text.format(
        classes=", ".join(map(escaped, contents.settings.classes)),
        origin=origin(contents),
        standing=target_standing(contents),
        **USES,
        **values,
    )


def escaped(text: object) -> str:
    """Return text that neither Markdown nor HTML takes for markup, on one line."""
    line = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*_\[\]#|~])", r"\\\1", line)


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; what stands in it is escaped, and None is a dash."""
    lines = [["–" if cell is None else escaped(cell) for cell in line] for line in [header, *rows]]
    lines.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure(found: Estimate | None) -> str | None:
    """Return `0.886 (0.778 to 0.971)` of an estimate."""
    if found is None:
        return None
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def origin(contents: Contents) -> str:
    """Return the sentence that says which round and commit a card is of."""
    where = "in a working folder that no commit holds"
    if contents.commit:
        where = f"commit `{contents.commit[0][:12]}` of {contents.commit[1]}"
    return f"Made with faceloop: round {contents.round}, {where}."


def target_standing(contents: Contents) -> str:
    """Return where the loop stood: whether the target is met, and why not."""
    gate = contents.gate
    if contents.role == "accepted":
        return (
            f"**Round {gate.round} was rejected, since it lost old knowledge. This is the one\n"
            "before it; whether that meets the target was not judged.**"
        )
    wanted = f"{escaped(gate.metric)} above {gate.target:g}"
    if gate.verdict == "target_met":
        return f"The target, {wanted}, is met by the whole interval."
    reasons = "\n".join(f"- {escaped(reason)}" for reason in gate.reasons)
    verdict = escaped(gate.verdict)
    return f"**The target, {wanted}, is not met.** The loop says {verdict}:\n\n{reasons}"
