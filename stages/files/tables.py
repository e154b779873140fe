"""Tables and arrays on disk: Parquet for machines, CSV for people, `.npy` for embeddings."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from stages.core.errors import FaceloopError
from stages.core.records import BLANK_WHERE_MISSING, FACES, as_table, stacked
from stages.files.atomic import replacing

FACES_DIR = Path("data/faces")
EMBEDDINGS_DIR = Path("data/embeddings")
LABELLED_DIR = Path("data/labelled")
QUEUE_DIR = Path("data/queue")
DUPLICATES_DIR = Path("data/duplicates")
METRICS_DIR = Path("metrics")
PLOTS_DIR = Path("metrics/plots")
DECIMALS = 6  # of a number in a table
DIGITS = 6  # of a figure in JSON: the 17th would change with the processor
GATHERED = 4096  # rows picked from one memory map: it holds every page that they lie on


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


def write_figures(figures: Any, path: Path) -> None:
    """Write what was measured as JSON, its numbers to six digits."""
    write_json(_in_six_digits(figures), path)


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
    if not path.is_file():
        raise FaceloopError(f"{path} is not here: run 'dvc repro'")
    return json.loads(path.read_text(encoding="utf-8"))


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


def read_faces(batches: Sequence[str], about: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the faces of all `batches`, in their order.

    Args:
        batches: those of params.yaml.
        about: rows with columns face_id and source: only these faces, and the others of their
            sources, are read. Of a large pool that is what votes can be about.

    Raises:
        FaceloopError: a batch has no table yet, or a table lies there whose batch params.yaml does
            not name (left by a batch taken out: it would make this result differ by machine).
    """
    present = {path.stem for path in FACES_DIR.glob("*.parquet")}
    extra = sorted(present - set(batches))
    if extra:
        raise FaceloopError(
            f"{FACES_DIR}/{extra[0]}.parquet belongs to no batch in params.yaml: "
            f"name the batch there, or run 'rm data/*/{extra[0]}.*'"
        )
    wanted = None
    if about is not None:
        ids, sources = (pa.array(about[name], pa.large_string()) for name in ("face_id", "source"))
        wanted = pc.field("face_id").isin(ids) | pc.field("source").isin(sources)
    tables = [read_parquet(FACES_DIR / f"{batch}.parquet", filters=wanted) for batch in batches]
    return stacked(tables, FACES)


def read_batch(batch: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Return the faces of one batch; of a large one, only the columns that are needed.

    Raises:
        FaceloopError: the batch has no face table yet.
    """
    return read_parquet(FACES_DIR / f"{batch}.parquet", columns)


def read_batch_rows(batch: str, rows: np.ndarray) -> pd.DataFrame:
    """Return just these rows of a batch's face table, in their order; the others are passed over.

    Raises:
        FaceloopError: the batch has no face table yet.
    """
    from pyarrow.dataset import dataset  # a fifth of a second, which `faceloop status` can spare

    path = present(FACES_DIR / f"{batch}.parquet")
    return as_table(dataset(path).take(pa.array(rows, pa.int64())).to_pandas(), FACES)


def read_parquet(path: Path, columns: list[str] | None = None, filters: Any = None) -> pd.DataFrame:
    """Read a table that `write_parquet` wrote, or some columns of it, or the rows of a filter.

    Raises:
        FaceloopError: it is not there yet.
    """
    return pd.read_parquet(present(path), columns=columns, filters=filters)


def write_array(array: np.ndarray, path: Path) -> None:
    """Write one array as `.npy`."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.save(file, array, allow_pickle=False)


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


def read_embeddings(batch: str) -> np.ndarray:
    """Return a batch's embeddings, memory-mapped, of shape (n_faces, d), in its table's order.

    Raises:
        FaceloopError: there are none yet.
    """
    return np.load(present(EMBEDDINGS_DIR / f"{batch}.npy"), mmap_mode="r", allow_pickle=False)


class StoredEmbeddings:
    """A batch's embeddings on disk, of shape (n_faces, d): rows are read when they are asked for.

    A memory map that is kept would count as memory every page that was ever read, so that each
    answer closes its own: one pass over 10,000,000 faces holds a block of them at a time.
    """

    def __init__(self, batch: str) -> None:
        self._batch = batch
        self.shape = read_embeddings(batch).shape

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return a copy of rows: a slice, or positions of shape (m,), in their order."""
        if isinstance(rows, slice):
            return np.array(read_embeddings(self._batch)[rows])
        parts = [rows[start : start + GATHERED] for start in range(0, max(len(rows), 1), GATHERED)]
        return np.concatenate([read_embeddings(self._batch)[part] for part in parts])


def embedding_width(batches: Sequence[str]) -> int:
    """Return d, the width of the batches' embeddings (1 where no batch holds a face).

    Raises:
        FaceloopError: the widths differ: some were made with another embedder.
    """
    shapes = [read_embeddings(batch).shape for batch in batches]
    widths = {d for n, d in shapes if n}
    if len(widths) > 1:
        raise FaceloopError(f"embeddings of several widths {sorted(widths)}: run 'dvc repro'")
    return widths.pop() if widths else 1


def read_features(faces: pd.DataFrame, width: int) -> np.ndarray:
    """Return the embeddings of just these faces (columns batch, face_id): float32, (n, width).

    Raises:
        FaceloopError: a face is in no table.
    """
    features = np.zeros((len(faces), width), dtype=np.float32)
    batches, face_ids = faces["batch"].to_numpy(), faces["face_id"].to_numpy()
    for batch in np.unique(batches):
        rows = np.flatnonzero(batches == batch)
        place = places_of(face_ids[rows], batch)
        features[rows] = StoredEmbeddings(batch)[place]
    return features


def places_of(face_ids: np.ndarray, batch: str) -> np.ndarray:
    """Return the rows (n,) of faces in their batch's table.

    Raises:
        FaceloopError: a face is not there.
    """
    known = read_batch(batch, ["face_id"])["face_id"]
    # The few are looked for among the many: an index of ten million ids would take a gigabyte.
    here = np.flatnonzero(known.isin(face_ids))
    place = pd.Index(known.iloc[here]).get_indexer(face_ids)
    if (place < 0).any():
        missing = face_ids[place < 0][0]
        raise FaceloopError(f"face {missing} is not in batch {batch}: run 'dvc repro'")
    return here[place]
