"""How a stage meets the terminal: its arguments, its errors, its exit code; and its threads."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from threadpoolctl import threadpool_limits

from faceloop.base.code import check_engine
from faceloop.base.errors import FaceloopError


def run_stage(main: Callable[..., None]) -> None:
    """Call `main` with the command line's words, unless engine.yaml is of other code.

    Which batch a stage is about, DVC tells in its environment: a shell would expand a word of a
    command. A FaceloopError is printed, and the exit code is 2. Products are small here: more
    threads than one would spend their time on waiting for each other. The stages that compute much
    do so in workers, which have threads of their own.
    """
    try:
        check_engine(Path(sys.argv[0]).stem)
        with threadpool_limits(1):
            main(*(sys.argv[1:] or _instance()))
    except FaceloopError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _instance() -> list[str]:
    """Return the word behind the @ of a stage's name in DVC, such as embed@demo."""
    _, _, item = os.environ.get("DVC_STAGE", "").partition("@")
    return [item] if item else []
