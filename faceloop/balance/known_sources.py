"""What the user knows of each source: `data/sources/<batch>.csv`, in git, beside the labels."""

from pathlib import Path

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.links import is_here

SOURCES_DIR = Path("data/sources")
KEY = "source"
RESERVED = ("class", "group", "label")


def read_sources(batch: str) -> pd.DataFrame:
    """Return a table of a batch's sources, all text: `source` (its path in the batch's folder) and
    the user's columns, such as programme or country; no row where there is no file.

    Raises:
        FaceloopError: the file is a link or no CSV, lacks `source`, has a reserved column, or names
            a source twice.
    """
    path = SOURCES_DIR / f"{batch}.csv"
    if not is_here(path):
        return pd.DataFrame(columns=[KEY], dtype="str")
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
    except ValueError as error:
        raise FaceloopError(f"{path} is no CSV in UTF-8: {error}; correct it") from error
    if KEY not in table:
        raise FaceloopError(f"{path}:1: no column {KEY!r}; add it")
    for name in RESERVED:
        if name in table:
            raise FaceloopError(f"{path}:1: column {name!r} is the pipeline's own; rename it")
    twice = table.index[table[KEY].duplicated()]
    if len(twice):
        raise FaceloopError(
            f"{path}:{twice[0] + 2}: source {table[KEY][twice[0]]!r} stands twice; keep one row"
        )
    return table
