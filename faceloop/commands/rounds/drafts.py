"""Drafts: what people answered on the page, on disk before the page is told so.

A draft is `.work/labels/<round>/<name>.jsonl`, or that of a review in the place of a round, which
git ignores: nobody sees another's answers before they submit. One line is one action, an answer or
an undo, and lines are only ever added.
"""

import fcntl
import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, Self

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from faceloop.base.errors import FaceloopError
from faceloop.base.links import is_here
from faceloop.base.tables import as_table
from faceloop.commands.journal import sync_folder
from faceloop.labels.columns import DAY_S, VOTES

DRAFTS_DIR = Path(".work/labels")
# Titles of reviews, and with them the folders of their drafts: no round is named so.
ADJUDICATION, CHECK = "adjudication", "check"

ActionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Mode = Literal["page", "grid"]


class Strict(BaseModel):
    """No unknown key and no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Answer(Strict):
    """What was said of one face, after how many seconds (a day at most), and a note on why."""

    face_id: str
    label: str
    seconds: Annotated[float, Field(ge=0), AfterValidator(lambda seconds: min(seconds, DAY_S))]
    note: Annotated[str, Field(max_length=500, pattern=r"^[^\r\n]*$")] = ""


class Action(Strict):
    """One thing a person did: answered a face, committed a page of the grid, or took one back.

    Attributes:
        action: its id, made by the page; the same id is the same action, sent again.
        mode: how it was answered.
        answers: the faces answered; none in an undo.
        undoes: the action taken back.
        labelled_at: when it reached the disk, UTC.
    """

    action: ActionId
    mode: Mode = "page"
    answers: list[Answer] = []
    undoes: ActionId | None = None
    labelled_at: str = ""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if bool(self.answers) == bool(self.undoes):
            raise ValueError("an action answers faces or undoes an action: one of the two")
        return self


class Draft:
    """One person's draft of one round, held by one server at a time.

    Raises:
        FaceloopError: another server holds it, it is a link, or a line cannot be read.
    """

    def __init__(self, round_name: str, annotator: str) -> None:
        self.path = draft_path(round_name, annotator)
        self._lock = threading.Lock()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_here(self.path)  # nothing that a link leads to is cut short
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise FaceloopError(
                f"{annotator} has {round_name} open in another faceloop: go on there, or stop "
                "that one first"
            ) from error
        # A last line without its end was cut off by a crash, and was never acknowledged.
        whole, actions = _read(self.path)
        os.ftruncate(self._file, whole)
        sync_folder(self.path.parent)
        self._actions = {one.action: one for one in actions}

    def append(self, actions: Sequence[Action]) -> None:
        """Put actions on disk, those that are there already left out; return when they are safe.

        Raises:
            OSError: the disk is full or gone; then nothing of these is kept.
        """
        with self._lock:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            new = {
                one.action: one.model_copy(update={"labelled_at": now})
                for one in actions
                if one.action not in self._actions
            }
            if new:
                lines = "".join(f"{one.model_dump_json()}\n" for one in new.values())
                self._write(lines.encode())
                self._actions.update(new)

    def standing(self) -> list[Action]:
        """Return the actions that nobody took back, in their order."""
        with self._lock:
            return standing(self._actions.values())

    def close(self) -> None:
        """Let another server have the draft."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, lines: bytes) -> None:
        before = os.fstat(self._file).st_size
        try:
            left = memoryview(lines)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):  # half a line must not stay before the next
                os.ftruncate(self._file, before)
            raise


def draft_path(round_name: str, annotator: str) -> Path:
    """Return where a person's draft of a round lies."""
    return DRAFTS_DIR / round_name / f"{annotator}.jsonl"


def read_draft(round_name: str, annotator: str) -> pd.DataFrame:
    """Return a draft's answers as votes with their note, the last word on each face.

    There are none where there is no draft.

    Raises:
        FaceloopError: a line cannot be read.
    """
    path = draft_path(round_name, annotator)
    actions = _read(path)[1] if is_here(path) else []
    votes: dict[str, dict[str, object]] = {}
    for action in standing(actions):
        for answer in action.answers:
            row = {**answer.model_dump(), "labelled_at": action.labelled_at, "mode": action.mode}
            row["asked_id"] = answer.face_id
            votes.pop(answer.face_id, None)
            votes[answer.face_id] = row
    return as_table(list(votes.values()), VOTES)


def standing(actions: Iterable[Action]) -> list[Action]:
    """Return the answers among `actions` that no later action takes back."""
    kept: dict[str, Action] = {}
    for one in actions:
        if one.undoes:
            kept.pop(one.undoes, None)
        else:
            kept.setdefault(one.action, one)
    return list(kept.values())


def _read(path: Path) -> tuple[int, list[Action]]:
    """Return how many bytes of a draft are whole lines, and their actions."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    actions = []
    for row, line in enumerate(content[:whole].splitlines(), start=1):
        try:
            actions.append(Action.model_validate_json(line))
        except ValidationError as error:
            raise FaceloopError(
                f"{path}:{row}: this line is no answer; mend it by hand, or delete the line"
            ) from error
    return whole, actions
