"""What tables are made of: the columns that name a face, and tables of given columns."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pandas.arrays import ArrowStringArray

FACE = ["batch", "face_id"]

# Names of faces or groups: as NumPy's, or as pandas keeps them, in a quarter of the memory.
Ids = np.ndarray | ArrowStringArray


class Rows(Protocol):
    """Embeddings of shape (n, d), in memory or on disk: a slice, or positions, gives rows."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


def as_table(rows: Any, columns: dict[str, str]) -> pd.DataFrame:
    """Return `rows` as a table with just these columns, in this order, of these types."""
    table = pd.DataFrame(rows, columns=list(columns))
    return table.astype(columns).reset_index(drop=True)


def stacked(tables: Sequence[pd.DataFrame], columns: dict[str, str]) -> pd.DataFrame:
    """Return tables one below the other; empty, but with its columns, where there is none."""
    return as_table(pd.concat(tables) if tables else [], columns)
