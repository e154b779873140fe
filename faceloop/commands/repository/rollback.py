"""`faceloop rollback`: forward to an earlier round, ready to commit; history stays as it is."""

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.commands.journal import sole_writer, together
from faceloop.commands.repository.dvc import run_dvc, stale_stages
from faceloop.commands.repository.git import HISTORY, ask_git, round_tags, run_git, uncommitted
from faceloop.commands.repository.lock import read_lock, removable
from faceloop.commands.settings import read_settings

POINTERS = ("data/raw", "models/embedders")  # where .dvc files stand for what people brought
CUT_OFF = Path(".work/rollback")  # names the tag from the first change to the last
DROP = "git reset --hard && dvc checkout"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the round."""
    parser.add_argument("round", help="the tag of a finished round, such as o01-i00")


@sole_writer("rollback")
def run(arguments: argparse.Namespace) -> int:
    """Restore labels, params, lock, metrics and data sets of a round, and say what leaves.

    A roll-back that was cut off is undone first.

    Raises:
        FaceloopError: no such round, git or DVC holds something uncommitted, or its data is not to
            be had; then everything is as before.
    """
    tag = arguments.round
    if tag not in round_tags():
        raise FaceloopError(f"{tag!r} is no finished round; there are: {', '.join(round_tags())}")
    if before := cut_off():
        require_only(before)
        put_back(before)
    require_clean()
    with replacing(CUT_OFF) as partial:
        partial.write_text(tag, encoding="utf-8")
    try:
        go_back(tag)
    except BaseException:
        put_back(tag)
        raise
    finally:
        CUT_OFF.unlink(missing_ok=True)
    tell(tag)
    return 0


def cut_off() -> str:
    """Return the tag that a roll-back was on its way to when it was killed; "" where none was.

    One whose changes were dropped or committed since counts no more.
    """
    if CUT_OFF.is_file() and uncommitted():
        return CUT_OFF.read_text(encoding="utf-8")
    return ""


def require_only(tag: str) -> None:
    """Refuse to undo a roll-back over what somebody has written since.

    Raises:
        FaceloopError: with the first file that is neither as before nor as in the round.
    """
    there, here = files_of(tag), files_of("HEAD")
    for path, now in on_disk({*there, *here}).items():
        if now not in (there.get(path), here.get(path)):
            raise FaceloopError(
                f"{path} was written after 'faceloop rollback {tag}' was cut off: move it out of "
                "the project, run this again, and bring it back"
            )


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


def go_back(tag: str) -> None:
    """Restore a round's files and data sets; pointers that it had not stay.

    Raises:
        FaceloopError: its data is neither here nor in the remote.
    """
    made_before = read_lock().outs()
    before, then = files_of("HEAD"), files_of(tag)
    lay(then, {path for path in before if not path.endswith(".dvc")})
    targets = in_the_lock()
    run_dvc("fetch", *targets)
    lost = json.loads(run_dvc("data", "status", "--json")).get("not_in_cache", [])
    wanted = {target.removesuffix(".dvc") for target in targets}
    for path in lost:
        if path.rstrip("/") in wanted:
            raise FaceloopError(f"{path} of {tag} is neither here nor in the remote")
    for path in filter(removable, sorted(made_before - read_lock().outs())):
        Path(path).unlink(missing_ok=True)  # in the way of the stages; DVC's cache keeps it
    check_out(targets)


def put_back(tag: str) -> None:
    """Undo all that `go_back` has done."""
    lay(files_of("HEAD"), {*files_of(tag)})
    check_out(in_the_lock())


def files_of(revision: str) -> dict[str, str]:
    """Return what a revision holds of what is rolled back: the id of each file's content."""
    listed = run_git("ls-tree", "-rz", revision, "--", *HISTORY, *POINTERS).split("\0")
    files = {
        path: about.split()[2] for about, _, path in (one.partition("\t") for one in listed[:-1])
    }
    pointer = tuple(f"{folder}/" for folder in POINTERS)
    return {
        path: content
        for path, content in files.items()
        if path.endswith(".dvc") or not path.startswith(pointer)
    }


def on_disk(paths: Collection[str]) -> dict[str, str]:
    """Return the id of the content of those files that are there."""
    there = sorted(path for path in paths if Path(path).is_file())
    ids = run_git("hash-object", "--", *there).split() if there else []
    return dict(zip(there, ids, strict=True))


def lay(wanted: Mapping[str, str], gone: set[str]) -> None:
    """Make files what git holds under these ids, and stage them; take others away: all, or none."""
    now = on_disk(wanted)
    with together() as changes:
        for path, content in wanted.items():
            if now.get(path) != content:
                with replacing(Path(path)) as partial:
                    partial.write_bytes(ask_git("cat-file", "blob", content) or b"")
        for path in sorted(gone - {*wanted}):
            changes.remove(Path(path))
    run_git("update-index", "--add", "--remove", "--", *wanted, *sorted(gone))


def check_out(targets: Sequence[str]) -> None:
    """Let DVC lay these, and take away what other rounds made.

    Raises:
        FaceloopError: the cache lacks one of them.
    """
    run_dvc("checkout", "--allow-missing")  # only without targets does it take anything away
    run_dvc("checkout", *targets)


def in_the_lock() -> list[str]:
    """Return what DVC is to check out: pointers, and outs that dvc.lock has and dvc.yaml makes.

    A stage that one of the two does not know has nothing to check out: the code is newer, or older.
    """
    known = set(run_dvc("stage", "list", "--name-only").split())
    stages = read_lock().stages
    outs = [out.path for name in known & {*stages} for out in stages[name].outs]
    pointers = [path.as_posix() for folder in POINTERS for path in Path(folder).glob("*.dvc")]
    return sorted([*filter(removable, outs), *pointers])


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
