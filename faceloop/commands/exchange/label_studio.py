"""Label Studio's full JSON export: every submitted annotation is its author's vote."""

from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, FailFast, Field, TypeAdapter, ValidationError

from faceloop.base.errors import FaceloopError
from faceloop.commands.exchange.said import (
    GivenLabel,
    LabelFile,
    Person,
    check_file_size,
    check_known,
)
from faceloop.labels.columns import DAY_S
from faceloop.labels.vote_files import check_label


class User(BaseModel):
    """Who annotated, where the export says more than an id."""

    id: int | None = None
    email: str


class Value(BaseModel):
    """What a region holds, where it is a choice."""

    choices: list[str] = []


class Region(BaseModel):
    """One entry of an annotation's result; only choices are read."""

    type: str
    value: Value = Value()


class Annotation(BaseModel):
    """What one person submitted for a task, or that they skipped it."""

    id: int | None = None
    completed_by: int | User | None = None
    updated_by: int | None = None
    was_cancelled: bool = False
    result: list[Region]
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    lead_time: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class Data(BaseModel):
    """What `faceloop export` put into a task."""

    face_id: str


class Task(BaseModel):
    """A task of the full JSON export; drafts are answers that nobody submitted."""

    id: int | None = None
    data: Data
    annotations: list[Annotation]
    drafts: list[Any] = []
    predictions: list[Any] = []


def read_label_studio(path: Path, known: frozenset[str], classes: list[str]) -> LabelFile:
    """Read the votes in a full JSON export, and count what is none.

    Raises:
        FaceloopError: with task and annotation: another format, an unknown face or class, or an
            annotation with several choices.
    """
    said: list[GivenLabel] = []
    notes: Counter[str] = Counter()
    for place, task in enumerate(read_tasks(path)):
        where = f"{path}: task {place if task.id is None else task.id}"
        check_known(task.data.face_id, known, where)
        notes["draft that nobody submitted: no vote"] += len(task.drafts)
        notes["task that showed a prediction: its votes are not blind"] += bool(task.predictions)
        for annotation in task.annotations:
            here = f"{where}, annotation {annotation.id}"
            if annotation.was_cancelled:
                notes["skipped: no vote"] += 1
            elif (label := choice_of(annotation, here)) is None:
                notes["submitted without a choice: no vote"] += 1
            else:
                check_label(label, here, classes)
                said.append(vote_of(annotation, here, task.data.face_id, label))
                if is_anothers(annotation):
                    notes["last changed by another, and taken as their author's"] += 1
    return LabelFile(said, [f"{n} x {words}" for words, n in notes.items() if n], "label-studio")


def read_tasks(path: Path) -> list[Task]:
    """Return an export's tasks.

    Raises:
        FaceloopError: it is no full JSON export, or too large.
    """
    check_file_size(path.stat().st_size, path)
    try:
        return TypeAdapter(Annotated[list[Task], FailFast()]).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(key) for key in first["loc"])
        missing = first["type"] == "missing" and first["loc"][-1] in ("annotations", "data")
        if missing or not place:
            raise FaceloopError(
                f"{path} is no full export of Label Studio ({place or first['msg']}): choose "
                "Export > JSON there; JSON-MIN and CSV leave out what was skipped"
            ) from error
        raise FaceloopError(
            f"{path}: {place} (counted from 0): {first['msg']}; mend that task in Label Studio, "
            "and export again"
        ) from error


def choice_of(annotation: Annotation, where: str) -> str | None:
    """Return the choice that an annotation made; None for a submission without one.

    Raises:
        FaceloopError: several choices.
    """
    choices = [choice for region in annotation.result for choice in region.value.choices]
    if len(choices) > 1:
        raise FaceloopError(
            f"{where}: several choices {choices}; use the config.xml of 'faceloop export', "
            "choose one there, and export again"
        )
    return choices[0] if choices else None


def vote_of(annotation: Annotation, where: str, face_id: str, label: str) -> GivenLabel:
    """Return an annotation as a vote: when it was last changed, and the seconds it took."""
    at = annotation.updated_at or annotation.created_at
    labelled_at = at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
    seconds = float("nan") if annotation.lead_time is None else min(annotation.lead_time, DAY_S)
    return GivenLabel(where, face_id, label, person_of(annotation), labelled_at, seconds)


def person_of(annotation: Annotation) -> Person:
    """Return an annotation's author as e-mail and id, or id alone."""
    by = annotation.completed_by
    if isinstance(by, User):
        return (by.email,) if by.id is None else (by.email, str(by.id))
    return () if by is None else (str(by),)


def is_anothers(annotation: Annotation) -> bool:
    """Tell whether somebody else than its author changed an annotation last."""
    by = annotation.completed_by
    author = by.id if isinstance(by, User) else by
    return None not in (author, annotation.updated_by) and author != annotation.updated_by
