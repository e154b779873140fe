"""What a worker answers, as bytes: the result of its work, or what went wrong.

An exception crosses as its type's name and its text. The exception itself may not: pickle builds it
anew from its text alone, and a constructor that wants more raises where the answer is read.
"""

import faulthandler
import pickle
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from faceloop.base.errors import FaceloopError

Shard = TypeVar("Shard")
Result = TypeVar("Result")


class WorkFailed(Exception):
    """A worker's exception: the name of its type and its text; where it was stands in the note."""


class Failure(NamedTuple):
    """An exception on its way: its text, and where it was.

    is_ours: whether it is a FaceloopError, whose text alone tells what to do.
    """

    text: str
    where: str
    is_ours: bool


def answer_of(work: Callable[[Shard], Result], shard: Shard) -> bytes:
    """Do the work and return the answer; a result that cannot be sent is a failure too."""
    try:
        return pickle.dumps(work(shard))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised over there
        is_ours = isinstance(error, FaceloopError)
        text = str(error) if is_ours else f"{type(error).__name__}: {error}"
        return pickle.dumps(Failure(text, "".join(traceback.format_exception(error)), is_ours))
    finally:
        faulthandler.cancel_dump_traceback_later()


def result_of(answer: bytes) -> Any:
    """Return the result that an answer holds.

    Raises:
        FaceloopError, WorkFailed: the work raised something.
    """
    result = pickle.loads(answer)
    if isinstance(result, Failure):
        error = (FaceloopError if result.is_ours else WorkFailed)(result.text)
        error.add_note(result.where)
        raise error
    return result
