"""How a stage meets the terminal: its arguments, its errors, its exit code."""

import sys
from collections.abc import Callable

from stages.core.errors import FaceloopError


def run_stage(main: Callable[..., None]) -> None:
    """Call `main` with the command line's words; print a FaceloopError and exit 2."""
    try:
        main(*sys.argv[1:])
    except FaceloopError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
