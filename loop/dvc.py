"""Running DVC, so that its stages and ours use the same Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

from stages.core.errors import FaceloopError


def run_dvc(*words: str) -> str:
    """Run one DVC command and return what it printed.

    Raises:
        FaceloopError: it failed; the message is DVC's own.
    """
    here = Path(sys.executable).parent.as_posix()
    path = os.pathsep.join([here, os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FaceloopError(f"dvc {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def stale_stages() -> list[str]:
    """Return the stages whose inputs or outputs differ from dvc.lock."""
    return sorted(json.loads(run_dvc("status", "--json")))
