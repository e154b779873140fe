"""`faceloop gc`: free the cache of what no commit holds; every round of every commit stays."""

import argparse
import re
import shutil
from pathlib import Path

from faceloop.base.errors import FaceloopError
from faceloop.commands.journal import LEFT
from faceloop.commands.repository.dvc import run_dvc
from faceloop.commands.repository.git import ask_git, run_git
from faceloop.commands.repository.lock import MADE_IN
from faceloop.faces.extracted import WORK_DIR

REFS = ("HEAD", "--branches", "--tags", "--remotes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take whether to free it, and whether in the remote too."""
    parser.add_argument("--yes", action="store_true", help="free it; without, only say what")
    parser.add_argument("--cloud", action="store_true", help="in the remote too")


def run(arguments: argparse.Namespace) -> int:
    """Free, or say what would be freed: data sets that no branch, tag or commit names.

    The faces that extract_faces keeps to go on from are freed too, as they are in data/faces, and
    so is what killed stages have left: run it while none runs.

    Raises:
        FaceloopError: this clone does not hold all commits, or with --cloud cannot ask for them,
            so it cannot know what they need.
    """
    if run_git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise FaceloopError("this clone is shallow: git fetch --unshallow first")
    if arguments.cloud:
        require_all_branches()
    words = ["gc", "--all-commits", *(["--cloud"] if arguments.cloud else [])]
    said = run_dvc(*words, *(["--force"] if arguments.yes else ["--dry"]))
    freed = sum(map(int, re.findall(r"^Removed (\d+) objects", said, flags=re.MULTILINE)))
    done = "are freed" if arguments.yes else "would be freed; to free them: add --yes"
    print(f"gc: {freed} objects that no commit names {done}")
    left = [path for folder in (*MADE_IN, "metrics") for path in Path(folder).rglob(LEFT)]
    finished = [path for path in WORK_DIR.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in (*finished, *left))
    if arguments.yes:
        shutil.rmtree(WORK_DIR, ignore_errors=True)
        for path in left:
            path.unlink()
    print(f"gc: {size / 1e6:.1f} MB of finished extraction and of what killed stages left {done}")
    return 0


def require_all_branches() -> None:
    """Refuse to free what a branch or tag needs that other clones have pushed.

    A clone of one branch, or one whose refspec is narrow, never fetches the others.

    Raises:
        FaceloopError: a git remote does not answer, or has a branch or tag that is not here.
    """
    for remote in run_git("remote").split():
        try:
            run_git("fetch", "--tags", remote)
            held = run_git("ls-remote", "--heads", "--tags", remote)
        except FaceloopError as error:
            raise FaceloopError(
                f"the git remote {remote} could not be asked what it holds, and what is not known "
                f"here would be freed: {error}"
            ) from error
        for line in held.splitlines():
            commit, name = line.split("\t")
            # What `dvc gc --all-commits` goes through; of an object that is not here git says no.
            reached = ask_git("rev-list", "-1", commit, "--not", *REFS)
            if reached is None or reached.strip():
                raise FaceloopError(
                    f"{name} of {remote} is not here, and gc would free its data sets: "
                    f"git fetch --tags {remote} '+refs/heads/*:refs/remotes/{remote}/*'"
                )
