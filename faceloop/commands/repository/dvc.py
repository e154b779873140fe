"""Running DVC, so that its stages and ours use the same Python."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from faceloop.base.errors import FaceloopError
from faceloop.commands.settings import read_settings
from faceloop.faces.batch_files import RAW_DIR, check_for_dvc


def run_dvc(*words: str) -> str:
    """Run one DVC command and return what it printed.

    Raises:
        FaceloopError: it failed; the message is DVC's own.
    """
    done = _run(words)
    if done.returncode:
        raise FaceloopError(f"dvc {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def stale_stages() -> list[str]:
    """Return the stages whose inputs or outputs differ from dvc.lock.

    Raises:
        FaceloopError: DVC cannot tell, or would never come to an end.
    """
    for batch in read_settings().batches:
        if (RAW_DIR / batch).is_dir():
            check_for_dvc(batch)
    return sorted(json.loads(run_dvc("status", "--json")))


def stages_to_run() -> list[str]:
    """Return the stages that `dvc repro` would run, told without the data sets, in CI.

    Raises:
        FaceloopError: DVC cannot tell; the message is its own.
    """
    # It exits 0 though stages are stale, and 1 at the first that reads what one of those makes.
    words = ("repro", "--dry", "--allow-missing")
    done = _run(words)
    stale = re.findall(r"^Running stage '([^']+)'", done.stdout, flags=re.MULTILINE)
    if done.returncode and not stale:
        raise FaceloopError(f"dvc {' '.join(words)}: {done.stderr.strip()}")
    return stale


def _run(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    here = Path(sys.executable).parent.as_posix()
    path = os.pathsep.join([here, os.environ.get("PATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
