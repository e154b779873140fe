"""Writing embeddings a few rows at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from faceloop.base.atomic import replacing

# Half the disk of float32: its rounding is far below what two crops of one face differ by.
STORED_AS = "float16"


class RowWriter:
    """Writes an array of n rows a few rows at a time, in any order; none of them stays in memory.

    Attributes:
        width: of a row; 1 until one is written.
    """

    def __init__(self, file: BinaryIO, n: int, dtype: str) -> None:
        """Take an empty file, for n rows of `dtype`."""
        self.width = 1
        self._file, self._n, self._dtype = file, n, np.dtype(dtype)
        self._written, self._begin = 0, 0

    def write(self, start: int, rows: np.ndarray) -> None:
        """Write rows, of shape (k, width), the first of which is row `start`."""
        if not self._begin:
            self._write_header(rows.shape[1])
        self._file.seek(self._begin + start * self.width * self._dtype.itemsize)
        self._file.write(rows.astype(self._dtype).tobytes())
        self._written += len(rows)

    def close(self) -> None:
        """End the array.

        Raises:
            ValueError: rows are missing.
        """
        if self._written != self._n:
            raise ValueError(f"{self._written} of {self._n} rows were written")
        if not self._begin:
            self._write_header(self.width)

    def _write_header(self, width: int) -> None:
        descr, shape = np.lib.format.dtype_to_descr(self._dtype), (self._n, width)
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self.width, self._begin = width, self._file.tell()


@contextmanager
def writing_rows(path: Path, n: int, dtype: str) -> Iterator[RowWriter]:
    """Yield what writes the n rows of an `.npy`, which is there when the block ends well."""
    with replacing(path) as partial, partial.open("wb") as file:
        writer = RowWriter(file, n, dtype)
        yield writer
        writer.close()


def write_array(array: np.ndarray, path: Path) -> None:
    """Write one array as `.npy`."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.save(file, array, allow_pickle=False)
