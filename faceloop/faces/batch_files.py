"""The files of a batch: which are looked at, and why the others are not.

DVC follows links, waits for ever on a pipe, and ends at a name that is not UTF-8: what it could
not take is told before it is asked.
"""

import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from faceloop.base.errors import FaceloopError

RAW_DIR = Path("data/raw")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of a cell that a spreadsheet runs
# With `dvc config cache.type symlink`, DVC's own links lead to its cache, wherever that is.
CACHED = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")
LEADS_NOWHERE = "link that leads nowhere: take it away"
NO_FILE = "no file, but a pipe, socket or device: take it away"


class BatchFiles(NamedTuple):
    """Photos and videos by name, and what is none of the batch's with the reason and its remedy."""

    sources: list[Path]
    refused: dict[Path, str]


def list_sources(batch: str) -> list[Path]:
    """Return a batch's files, at any depth, by name; hidden ones and links are left out.

    Raises:
        FaceloopError: the folder is missing or holds no file.
    """
    return look_over(batch).sources


def look_over(batch: str) -> BatchFiles:
    """Return what a batch's folder holds, by name; hidden files only where DVC cannot take them.

    Raises:
        FaceloopError: the folder is missing or holds no file.
    """
    folder = RAW_DIR / batch
    if not folder.is_dir():
        raise FaceloopError(f"{folder}/ is not here: put photos and videos there, or 'dvc pull'")
    sources: list[Path] = []
    refused: dict[Path, str] = {}
    for path in _walk(folder):
        if reason := reason_to_refuse(path):
            refused[path] = reason
        elif path.is_file() and not any(
            part.startswith(".") for part in path.relative_to(folder).parts
        ):
            sources.append(path)
    if not sources and not refused:
        raise FaceloopError(f"{folder}/ holds no file: put photos and videos there")
    return BatchFiles(sorted(sources, key=Path.as_posix), refused)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all that is in a folder, sorted; a folder that is refused is not looked into."""
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not reason_to_refuse(path):
            yield from _walk(path)


def reason_to_refuse(path: Path) -> str | None:
    """Return why a file or folder cannot be of a batch, and what mends it; None where it can."""
    if not _is_utf8(path.name):
        guess = os.fsencode(path.name).decode("latin-1")
        better = path.with_name("".join(one if one.isprintable() else "_" for one in guess))
        return f"name that is not UTF-8: mv {_quoted(path)} {shlex.quote(str(better))}"
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        if CACHED.search(os.readlink(path)):
            return None
        if not path.exists():
            return LEADS_NOWHERE
        kind = "a folder" if path.is_dir() else "a file"
        return f"link to {kind}: put what it leads to there itself"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return NO_FILE
    if path.name in ("dvc.yaml", ".dvcignore") or path.suffix == ".dvc":
        return "name that DVC reads as its own: rename it"
    return None


def check_for_dvc(batch: str) -> None:
    """Refuse a batch that DVC would end at, or wait at for ever; the other refused files it takes.

    Raises:
        FaceloopError: with the file and the remedy.
    """
    for path, reason in look_over(batch).refused.items():
        if reason in (LEADS_NOWHERE, NO_FILE):
            raise FaceloopError(f"{printable(path)}: {reason}, for DVC cannot pass it")


def source_name(path: Path, batch: str) -> str:
    """Return a source's path in its batch, as tables name it.

    A spreadsheet runs a cell that begins like a formula; with `./` before it the path is the same.
    Bytes that are not UTF-8 are spelt out.
    """
    relative = path.relative_to(RAW_DIR / batch).as_posix()
    name = os.fsencode(relative).decode(errors="backslashreplace")
    return f"./{name}" if name.startswith(FORMULA_STARTS) else name


def printable(path: Path) -> str:
    """Return a path as it may be printed and typed, whatever bytes are in it."""
    return str(path) if _is_utf8(str(path)) else _quoted(path)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _quoted(path: Path) -> str:
    """Return a path as a shell reads it, with each byte that is not plain spelt out."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\x{byte:02x}"
        for byte in os.fsencode(path)
    )
    return f"$'{plain}'"
