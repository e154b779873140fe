"""What extract_faces made of one source: kept apart until its batch is done, and found again.

A folder holds `crops` (JPEGs, one behind the other), `faces.jsonl` (a face a line, with the place
of its crop) and `summary.json` (the sizes of the two, and reasons and notes with their counts). It
gets its name when it is whole. Nothing is forced to the disk, which would take longer than many a
photo: the sizes tell what a power cut left.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

WORK_DIR = Path(".work/extract_faces")
UNFINISHED = ".partial"


class Writer:
    """Takes the faces of a source one by one; none of them stays in memory."""

    def __init__(self, folder: Path) -> None:
        """Open the files of a folder that is there and empty."""
        self._folder = folder
        self._crops = open(folder / "crops", "wb")  # noqa: SIM115 - closed by close
        self._faces = open(folder / "faces.jsonl", "wb")  # noqa: SIM115
        self._reasons: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()

    def add(self, row: dict[str, Any], jpeg: bytes) -> None:
        """Take a face: its row of the face table, but for batch and source, and its crop."""
        place = {"at": self._crops.tell(), "bytes": len(jpeg)}
        self._faces.write(json.dumps(row | place).encode() + b"\n")
        self._crops.write(jpeg)

    def reject(self, reason: str) -> None:
        """Count a face, or the source, that gave nothing."""
        self._reasons[reason] += 1

    def note(self, words: str) -> None:
        """Count what of the source could not be used, though the rest is."""
        self._notes[words] += 1

    @property
    def is_empty(self) -> bool:
        """Whether it took neither a face nor a reason."""
        return not self._reasons and not self._crops.tell()

    def close(self) -> None:
        """Close the files, and write what they should hold when they are read."""
        sizes = [self._faces.tell(), self._crops.tell()]
        self._faces.close()
        self._crops.close()
        summary = {"sizes": sizes, "rejected": dict(sorted((self._reasons + self._notes).items()))}
        (self._folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")


@contextmanager
def writing(folder: Path) -> Iterator[Writer]:
    """Yield a writer; what it took becomes `folder` when the block ends well.

    Two may write the same, such as a worker that outlived its run a little: the first counts.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(UNFINISHED, folder.name, folder.parent))
    with ExitStack() as cleaning:
        cleaning.callback(shutil.rmtree, unfinished)
        with closing(Writer(unfinished)) as writer:
            yield writer
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        else:
            cleaning.pop_all()


def is_finished(folder: Path) -> bool:
    """Tell whether a source's work is here and whole; what a power cut left is taken away."""
    if not folder.is_dir():
        return False
    try:
        sizes = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["sizes"]
        whole = sizes == [(folder / name).stat().st_size for name in ("faces.jsonl", "crops")]
    except (FileNotFoundError, ValueError):  # a file is not here, or is no JSON
        whole = False
    if not whole:
        shutil.rmtree(folder)
    return whole


def clear_unfinished() -> None:
    """Take away what runs that were killed have left."""
    for unfinished in WORK_DIR.glob(f"*{UNFINISHED}"):
        shutil.rmtree(unfinished, ignore_errors=True)


def read_extracted(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows that `Writer.add` took, with `at` and `bytes`: where the crop lies."""
    with open(folder / "faces.jsonl", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def read_rejected(folder: Path) -> dict[str, int]:
    """Return the reasons and notes with their counts."""
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))["rejected"]


class Crops(Mapping[str, bytes]):
    """The JPEG of each face of a batch, read when it is asked for."""

    def __init__(self, places: pd.DataFrame, folders: Sequence[Path]) -> None:
        """Take where each crop lies: columns face_id, folder (an index), at and bytes."""
        self._row = {face_id: row for row, face_id in enumerate(places["face_id"])}
        self._places = places[["folder", "at", "bytes"]].to_numpy()
        self._folders = folders

    def __getitem__(self, face_id: str) -> bytes:
        folder, at, size = self._places[self._row[face_id]].tolist()
        with open(self._folders[folder] / "crops", "rb") as pack:
            pack.seek(at)
            return pack.read(size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)
