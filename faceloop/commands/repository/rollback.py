"""`faceloop rollback`: forward to an earlier round, ready to commit; history stays as it is."""

import argparse
import json
from pathlib import Path

from faceloop.base.errors import FaceloopError
from faceloop.commands.repository.dvc import run_dvc, stale_stages
from faceloop.commands.repository.git import HISTORY, round_tags, run_git, uncommitted
from faceloop.commands.repository.lock import read_lock, removable
from faceloop.commands.settings import read_settings

POINTERS = ("data/raw", "models/embedders")  # where .dvc files stand for what people brought


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the round."""
    parser.add_argument("round", help="the tag of a finished round, such as o01-i00")


def run(arguments: argparse.Namespace) -> int:
    """Restore labels, params, lock, metrics and data sets of a round, and say what leaves.

    Raises:
        FaceloopError: no such round, git or DVC holds something uncommitted, or its data is not to
            be had; then everything is as before.
    """
    tag = arguments.round
    if tag not in round_tags():
        raise FaceloopError(f"{tag!r} is no finished round; there are: {', '.join(round_tags())}")
    require_clean()
    made_before = read_lock().outs()
    restore(tag)
    try:
        run_dvc("fetch")
        if missing := json.loads(run_dvc("data", "status", "--json")).get("not_in_cache"):
            raise FaceloopError(f"{missing[0]} of {tag} is neither here nor in the remote")
        gone = made_before - read_lock().outs()
    except FaceloopError:
        run_git("reset", "--quiet", "--hard")  # nothing was uncommitted
        raise
    for path in filter(removable, sorted(gone)):
        Path(path).unlink(missing_ok=True)  # in the way of the stages; DVC's cache keeps it
    run_dvc("checkout")
    tell(tag)
    return 0


def require_clean() -> None:
    """Refuse to go on where anything would be lost that no commit holds.

    Raises:
        FaceloopError: with the first such file.
    """
    if files := uncommitted():
        raise FaceloopError(
            f"{files[0]}: {len(files)} files are not committed: commit them, or git stash -u"
        )
    held = json.loads(run_dvc("data", "status", "--json")).get("uncommitted", {})
    for path in [*held.get("modified", []), *held.get("added", [])]:
        raise FaceloopError(
            f"{path} is not what the last commit says: 'dvc add' or 'dvc repro' and commit, or "
            f"'dvc checkout --force {path}' to drop the change"
        )


def restore(revision: str) -> None:
    """Give the history's files, and the pointers of that time, as they were; others stay."""
    held = run_git("ls-tree", "-r", "--name-only", revision, *POINTERS).splitlines()
    pointers = [path for path in held if path.endswith(".dvc")]
    run_git("restore", "--source", revision, "--staged", "--worktree", "--", *HISTORY, *pointers)


def tell(tag: str) -> None:
    """Print what left the working tree, how to get it back, and what comes next."""
    gone = run_git("diff", "--cached", "--name-only", "--diff-filter=D", "--", "labels").split()
    was = run_git("rev-parse", "--short", "HEAD").strip()
    for path in gone:
        print(f"- leaves the working tree: {path}; it stays in git: git show {was}:{path}")
    for line in newer_code(tag):
        print(f"- {line}")
    print(f"rollback: labels, params, figures and data sets are those of {tag}")
    print(f"to undo it: git reset --hard {was} && dvc checkout")
    print(f"then: git diff --cached --stat; git commit -m 'Back to {tag}'")


def newer_code(tag: str) -> list[str]:
    """Return what today's code, which stays, makes of the params and data sets of that time."""
    try:
        read_settings()
        stale = stale_stages()
    except FaceloopError as error:
        return [f"the code is newer than {tag} and wants this first: {error}"]
    return [f"the code is newer than {tag}: dvc repro will run {', '.join(stale)}"] * bool(stale)
