"""`faceloop gate`: the verdict as an exit code."""

import argparse

from faceloop.base.errors import FaceloopError
from faceloop.commands.rounds.state import GO_ON, read_state


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no argument."""


def run(arguments: argparse.Namespace) -> int:
    """Print the verdict and its reasons; return 0 to go on, 1 to stop.

    Raises:
        FaceloopError: the verdict is of other labels than lie there now.
    """
    state = read_state()
    if state.gate is None or not state.is_judged:
        raise FaceloopError("the verdict is older than labels or params: run 'dvc repro'")
    print(f"{state.candidate}: {state.gate.verdict}")
    for reason in state.gate.reasons:
        print(f"- {reason}")
    return 0 if state.gate.verdict in GO_ON else 1
