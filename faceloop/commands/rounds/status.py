"""`faceloop status`: the loop on one screen."""

import argparse

from faceloop.balance.balance_figures import BalanceFigures
from faceloop.commands.repository.rollback import DROP, cut_off
from faceloop.commands.rounds.figure_lines import balance_line, read_figures, shadow_line
from faceloop.commands.rounds.state import State, next_step, read_state, told
from faceloop.evaluation.evaluation_figures import ShadowFigures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no argument."""


def run(arguments: argparse.Namespace) -> int:
    """Print round, labels, verdict, pool and the next thing to type."""
    if tag := cut_off():
        print(f"{'next':<9}faceloop rollback {tag}: it was cut off; or, to drop it: {DROP}")
        return 0
    state = read_state()
    for name, line in describe(state):
        print(f"{name:<9}{line}")
    return 0


def describe(state: State) -> list[tuple[str, str]]:
    """Return the lines of the screen as (name, text)."""
    rounds, gate = state.settings.rounds, state.gate
    lines = [
        ("round", f"{rounds.candidate}, compared with {rounds.accepted}"),
        ("pool", f"batch {state.settings.pool or '(none yet)'}"),
    ]
    if len(state.queue):
        answered = len(state.queue) - len(state.unanswered)
        lines.append(("queue", f"{answered} of {len(state.queue)} faces answered"))
        if any(state.left.values()):
            each = ", ".join(f"{name} {number}" for name, number in state.left.items())
            lines.append(("", f"- left: {each}"))
        if state.is_dealt_otherwise:
            people = ", ".join(state.settings.label.annotators) or "nobody by name"
            lines.append(("", f"- not dealt out as params.yaml says now ({people})"))
    else:
        lines.append(("queue", "not opened yet"))
    for one in state.unsubmitted:
        name = one.annotator
        lines.append(("draft", f"{one} by {name}, not submitted: faceloop submit --as {name}"))
    if state.conflicts:
        faces = told(state.conflicts)
        lines.append(("conflict", f"people disagree on {faces}: faceloop adjudicate --as NAME"))
    if gate is None or not state.is_judged:
        lines.append(("verdict", "not known yet: labels or params are newer than the figures"))
    else:
        lines[1] = ("pool", f"batch {state.settings.pool}, {gate.pool_left} faces left to ask")
        lines.append(("verdict", gate.verdict))
        lines += [("", f"- {reason}") for reason in gate.reasons]
        if (shadow := read_figures(ShadowFigures, "shadow", state)) is not None:
            lines.append(("shadow", shadow_line(shadow)))
        if (balance := read_figures(BalanceFigures, "balance", state)) is not None:
            lines.append(("balance", balance_line(balance)))
        if state.drawn is not None and not state.unanswered:
            lines.append(("waiting", f"{len(state.drawn)} faces picked for the next queue"))
    return [*lines, ("next", next_step(state))]
