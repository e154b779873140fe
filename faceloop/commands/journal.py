"""One writer at a time, and changes of several files at once: all of them, or none.

Votes, queues and params are written under one lock. A command writes each new file beside the old
one, then a plan of all that is to be renamed and removed, and only then renames and removes. If it
is killed before the plan is there, nothing has changed; if later, the next command of any kind does
the rest. The lock is the operating system's: that of a killed command is free.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError
from zc.lockfile import LockError, LockFile

from faceloop.base.atomic import RENAME, replacing
from faceloop.base.code import sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.commands.cut_off import PLAN

WRITER_LOCK = Path(".work/writer.lock")
WAIT_SECONDS = 10.0  # for another writer; most take less than one
LEFT = "*.????????.partial"  # what `replacing` writes to


class Step(BaseModel):
    """A file that changes, and the SHA-256 of its bytes before and after; None where it is not."""

    path: Path
    partial: Path | None
    before: str | None
    after: str | None


class Edits(BaseModel):
    """The steps of a command, and folders that go if they are empty then."""

    words: list[str]
    steps: list[Step] = []
    folders: list[Path] = []

    def rename(self, partial: Path, path: Path) -> None:
        """Let a file be replaced by one beside it."""
        step = Step(path=path, partial=partial, before=_sha256(path), after=_sha256(partial))
        self.steps.append(step)

    def remove(self, path: Path) -> None:
        """Let a file go, or a folder with all files in it; one that is not there does no harm."""
        if path.is_dir():
            inside = sorted(path.rglob("*"), reverse=True)
            self.folders += [*(one for one in inside if one.is_dir()), path]
            for one in inside:
                if not one.is_dir():
                    self.remove(one)
        elif before := _sha256(path):
            self.steps.append(Step(path=path, partial=None, before=before, after=None))


@contextmanager
def sole_writer(command: str) -> Iterator[None]:
    """Hold off others in this clone who want to write labels or params; wait a moment for them.

    Hold it from before the first file is read until the last is written.

    Raises:
        FaceloopError: another command holds it for longer, or what one left cannot be finished.
    """
    lock = _locked(f"faceloop {command}")
    try:
        _finish()
        yield
    finally:
        lock.close()


@contextmanager
def together() -> Iterator[Edits]:
    """Let all files that are written with `replacing` in the block change at its end, or none."""
    plan = Edits(words=sys.argv[1:])
    token = RENAME.set(plan.rename)
    try:
        yield plan
    except BaseException:
        for step in plan.steps:
            if step.partial:
                step.partial.unlink(missing_ok=True)
        raise
    finally:
        RENAME.reset(token)
    with replacing(PLAN) as partial:
        partial.write_text(plan.model_dump_json(), encoding="utf-8")
    _carry_out(plan)


def finish_cut_off() -> list[str]:
    """Finish the changes of a command that was killed; return its words, [] where there is none.

    Raises:
        FaceloopError: somebody has changed one of its files since.
    """
    lock = _locked("faceloop")
    try:
        return _finish()
    finally:
        lock.close()


def _locked(who: str) -> LockFile:
    WRITER_LOCK.parent.mkdir(exist_ok=True)
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return LockFile(WRITER_LOCK, content_template=f"{who} (process {{pid}})")
        except LockError as error:
            if time.monotonic() > until:
                holder = WRITER_LOCK.read_text(encoding="utf-8").strip() or "another process"
                raise FaceloopError(
                    f"{holder} is writing here: wait until it is done, then run this again"
                ) from error
            time.sleep(0.05)


def _finish() -> list[str]:
    """Carry out the plan that is there, and take away what killed commands wrote and never used."""
    words: list[str] = []
    if PLAN.is_file():
        plan = _read_plan()
        _carry_out(plan)
        words = plan.words
        print(f"'faceloop {' '.join(words)}' was cut off: it is finished now", file=sys.stderr)
    for left in (*Path().glob(LEFT), *Path("labels").rglob(LEFT), *PLAN.parent.glob(LEFT)):
        left.unlink(missing_ok=True)
    return words


def _read_plan() -> Edits:
    """Read the plan, which is this clone's own: one that git brought could name any file.

    Raises:
        FaceloopError: it is none, git holds it, or a file is another than it was and is to be.
    """
    hint = f"; to keep all files as they are now: rm {PLAN}"
    asked = ["git", "ls-files", "--", PLAN.resolve().as_posix()]
    if subprocess.run(asked, capture_output=True, check=False).stdout:
        raise FaceloopError(f"{PLAN} came with git, which no command puts there{hint}")
    try:
        plan = Edits.model_validate_json(PLAN.read_bytes())
    except ValidationError as error:
        raise FaceloopError(f"{PLAN} is no plan of a command that was cut off{hint}") from error
    for step in plan.steps:
        now = _sha256(step.path)
        whole = now == step.after or (
            now == step.before
            and (step.partial is None or _sha256(step.partial) == step.after)
            and step.path.resolve().is_relative_to(Path.cwd())
        )
        if not whole:
            raise FaceloopError(
                f"{step.path} is another than when 'faceloop {' '.join(plan.words)}' was cut off, "
                f"so that its work is not finished over it{hint}"
            )
    return plan


def _carry_out(plan: Edits) -> None:
    for step in plan.steps:
        if step.partial is None:
            step.path.unlink(missing_ok=True)
        elif step.partial.is_file():
            step.partial.replace(step.path)
    for folder in plan.folders:
        with suppress(OSError):  # something else is in it
            folder.rmdir()
    for folder in {step.path.parent for step in plan.steps}:
        if folder.is_dir():
            sync_folder(folder)
    PLAN.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's files as safe as their bytes."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _sha256(path: Path) -> str | None:
    """Return the digest of a file's bytes; None where there is no file."""
    return sha256_of(path) if path.is_file() else None
