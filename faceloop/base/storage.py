"""What stages make, on disk: Parquet for machines, CSV and JSON for people, `.npy` for arrays."""

import json
import math
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import ValidationError

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.base.records import Record
from faceloop.base.tables import as_table

BLANK_WHERE_MISSING = ("annotators",)  # columns that files of older rounds do not have

FACES_DIR = Path("data/faces")
EMBEDDINGS_DIR = Path("data/embeddings")
DUPLICATES_DIR = Path("data/duplicates")
LABELLED_DIR = Path("data/labelled")
QUEUE_DIR = Path("data/queue")
METRICS_DIR = Path("metrics")
PLOTS_DIR = Path("metrics/plots")
DECIMALS = 6  # of a number in a table
DIGITS = 6  # of a figure in JSON: the 17th would change with the processor

Kind = TypeVar("Kind", bound=Record)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table that people review: UTF-8, LF, six decimals, nothing for a missing value."""
    with replacing(path) as partial:
        table.to_csv(partial, index=False, float_format=f"%.{DECIMALS}f", lineterminator="\n")


def read_csv(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    """Read a CSV that `write_csv` wrote; class names such as `None` and `NA` stay text.

    Raises:
        FaceloopError: the file is missing, a column is missing, or a value has the wrong type.
    """
    blank = {name: [""] for name, kind in columns.items() if kind != "str"}
    try:
        table = pd.read_csv(path, dtype=columns, keep_default_na=False, na_values=blank)
        for name in BLANK_WHERE_MISSING:
            if name in columns and name not in table:
                table[name] = ""
        return as_table(table[list(columns)], columns)
    except FileNotFoundError as error:
        raise FaceloopError(f"{path} is not here: run 'dvc repro' or 'dvc pull'") from error
    except (ValueError, KeyError) as error:
        raise FaceloopError(f"{path}: {error}; restore it with git or 'dvc repro'") from error


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
        FaceloopError: it is not there yet.
    """
    return json.loads(present(path).read_text(encoding="utf-8"))


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


def present(path: Path) -> Path:
    """Return the path of what a stage made.

    Raises:
        FaceloopError: it is not there yet.
    """
    if not path.is_file():
        raise FaceloopError(f"{path} is not here: run 'dvc repro' or 'dvc pull'")
    return path


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a machine-sized table as Parquet, its numbers to six decimals."""
    with replacing(path) as partial:
        table.round(DECIMALS).to_parquet(partial, index=False)


def read_parquet(path: Path, columns: list[str] | None = None, filters: Any = None) -> pd.DataFrame:
    """Read a table that `write_parquet` wrote, or some columns of it, or the rows of a filter.

    Raises:
        FaceloopError: it is not there yet, is damaged, or lacks a column.
    """
    try:
        return pd.read_parquet(present(path), columns=columns, filters=filters)
    except ValueError as error:  # Arrow's are
        reason = str(error).splitlines()[0]
        raise FaceloopError(f"{path}: {reason}; run 'dvc repro' or 'dvc pull'") from error
