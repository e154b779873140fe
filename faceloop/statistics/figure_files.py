"""Figures on disk: JSON that people and other machines read."""

import json
import math
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.base.records import Record
from faceloop.base.storage import present

DIGITS = 6  # of a figure in JSON: the 17th would change with the processor

Kind = TypeVar("Kind", bound=Record)


def write_json(content: Any, path: Path) -> None:
    """Write JSON; NaN is refused, since it has none."""
    with replacing(path) as partial:
        partial.write_text(
            json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n",
            encoding="utf-8",
            newline="\n",
        )


def _in_six_digits(figures: Any) -> Any:
    """Return figures with each float in them, at any depth, rounded to DIGITS digits."""
    if isinstance(figures, dict):
        return {name: _in_six_digits(one) for name, one in figures.items()}
    if isinstance(figures, list | tuple):
        return [_in_six_digits(one) for one in figures]
    if isinstance(figures, float) and math.isfinite(figures):
        return float(f"{figures:.{DIGITS}g}")
    return figures


def read_json(path: Path) -> Any:
    """Read a JSON file that a stage wrote.

    Raises:
        FaceloopError: it is not there yet, or is no JSON.
    """
    try:
        return json.loads(present(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise FaceloopError(f"{path} is no JSON: restore it with git or 'dvc repro'") from error


def write_record(record: Record, path: Path) -> None:
    """Write a stage's figures as JSON, its numbers to six digits."""
    write_json(_in_six_digits(record.model_dump(by_alias=True)), path)


def read_record(kind: type[Kind], path: Path) -> Kind:
    """Read the figures that a stage wrote with `write_record`.

    Raises:
        FaceloopError: they are not there yet, or another version of faceloop wrote them.
    """
    content = read_json(path)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"])) or "top level"
        raise FaceloopError(f"{path}: {key} is of another version: run 'dvc repro'") from error
