"""Asking git."""

import re
import subprocess

from faceloop.base.errors import FaceloopError
from faceloop.base.rounds import ROUND_PATTERN

# What a round is made of, beside its code: what a roll-back restores.
HISTORY = ("labels", "data/sources", "params.yaml", "dvc.lock", "metrics")
# A round that was finished again, after a correction or a roll-back, has its number behind.
TAG_PATTERN = re.compile(rf"{ROUND_PATTERN.pattern}(\.\d+)?")


def run_git(*words: str) -> str:
    """Run one git command and return what it printed.

    Raises:
        FaceloopError: it failed; the message is git's own.
    """
    done = subprocess.run(
        ["git", *words], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        raise FaceloopError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def ask_git(*words: str) -> bytes | None:
    """Return what a git command printed; None where it failed or there is no git."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout


def asks_git(*words: str) -> bool:
    """Tell whether a git command that answers by its exit code says yes."""
    return ask_git(*words) is not None


def uncommitted() -> list[str]:
    """Return the files that differ from the last commit, untracked ones too."""
    return [line[3:] for line in run_git("status", "--porcelain").splitlines()]


def round_tags() -> list[str]:
    """Return the tags of finished rounds, by name."""
    return [tag for tag in run_git("tag").split() if TAG_PATTERN.fullmatch(tag)]
