"""What stages make, on disk: Parquet for machines, CSV for people, `.npy` for arrays."""

from pathlib import Path
from typing import Any

import pandas as pd

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
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
    restore = "restore it with git or 'dvc repro'"
    try:
        table = pd.read_csv(path, dtype=columns, keep_default_na=False, na_values=blank)
        for name in BLANK_WHERE_MISSING:
            if name in columns and name not in table:
                table[name] = ""
        return as_table(table[list(columns)], columns)
    except FileNotFoundError as error:
        raise FaceloopError(f"{path} is not here: run 'dvc repro' or 'dvc pull'") from error
    except KeyError as error:
        missing = set(columns) - set(table)
        raise FaceloopError(f"{path}:1: no column {min(missing)!r}; {restore}") from error
    except ValueError as error:
        raise FaceloopError(f"{path}{_first_strange(path, columns)}; {restore}") from error


def _first_strange(path: Path, columns: dict[str, str]) -> str:
    """Return where the first value of a wrong type stands; what it is stays unsaid."""
    try:
        table = pd.read_csv(path, dtype="str", usecols=lambda name: columns.get(name) != "str")
    except ValueError:
        return " is no CSV in UTF-8"
    for name in table.columns.intersection(list(columns)):
        wrong = table[name].notna() & pd.to_numeric(table[name], "coerce").isna()
        if wrong.any():
            return f":{wrong.argmax() + 2}: column {name!r} holds no number"
    return " holds a value of another type than its column's"


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
