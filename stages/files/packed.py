"""Reading packed crops by the million: from where each lies, with no list of them in a worker.

`zipfile` holds an object for each crop, 0.6 GB for a million. A pack of ours is so regular that its
directory is a table: names of one length, nothing compressed, no comments.
Source: PKWARE, .ZIP File Format Specification (APPNOTE), sections 4.3 and 4.5.3.
"""

import zlib
from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO

import numpy as np

from stages.core.errors import FaceloopError
from stages.files.crops import crops_path

LOCAL = Struct("<4s4xH4xLLL2H")  # 4.3.7, before a crop: method, CRC, sizes, length of name, extra
END = Struct("<4s6xH2L2x")  # 4.3.16: entries, bytes and offset of the directory
END64 = Struct("<4s28x3Q")  # 4.3.14: the same, where a number is too large for END
LOCATOR = Struct("<4s4xQ4x")  # 4.3.15: where END64 lies; right before END, if at all
ENTRY_BYTES = 46  # 4.3.12, without the name
WIDE_BYTES = 12  # 4.5.3: what an entry has more where its crop lies too far for its offset


class Irregular(Exception):
    """A pack is not as `write_crops` writes it, or is damaged."""


def locate_crops(batch: str, face_ids: np.ndarray) -> np.ndarray:
    """Return where in its batch's pack each of these faces lies: int64 (n,), for `read_packed`.

    Args:
        batch: the batch.
        face_ids: bytes, of shape (n,).

    Raises:
        FaceloopError: the pack is not here, is damaged, or lacks a face.
    """
    path = crops_path(batch)
    if not path.is_file():
        raise FaceloopError(f"{path} is not here: run 'dvc repro' or 'dvc pull'")
    try:
        with path.open("rb") as pack:
            names, offsets = _read_directory(pack)
    except Irregular as error:
        raise _to_be_made_anew(batch, str(error)) from error
    wanted = np.char.add(face_ids, b".jpg")
    order = np.argsort(names, kind="stable")
    place = np.searchsorted(names, wanted, sorter=order)
    is_in = place < len(names)
    is_in[is_in] = names[order[place[is_in]]] == wanted[is_in]
    if not is_in.all():
        raise _to_be_made_anew(batch, f"there is no {wanted[~is_in][0].decode()} in it")
    return offsets[order[place]]


def read_packed(batch: str, face_ids: np.ndarray, offsets: np.ndarray) -> Iterator[bytes]:
    """Yield the JPEG bytes of these faces, in their order.

    Args:
        batch: the batch.
        face_ids: bytes, of shape (n,).
        offsets: where they lie, from `locate_crops`.

    Raises:
        FaceloopError: another file, or a damaged one, lies there now.
    """
    with crops_path(batch).open("rb") as pack:
        for face_id, offset in zip(face_ids.tolist(), offsets.tolist(), strict=True):
            pack.seek(offset)
            header = pack.read(LOCAL.size)
            if len(header) < LOCAL.size:
                raise _to_be_made_anew(batch, f"{face_id.decode()} lies behind its end")
            signature, method, crc, _, size, name_bytes, extra_bytes = LOCAL.unpack(header)
            name = pack.read(name_bytes)
            pack.seek(extra_bytes, 1)
            jpeg = pack.read(size)
            found = signature, method, name, zlib.crc32(jpeg)
            if found != (b"PK\3\4", 0, face_id + b".jpg", crc):
                raise _to_be_made_anew(batch, f"{face_id.decode()} is damaged in it")
            yield jpeg


def _to_be_made_anew(batch: str, reason: str) -> FaceloopError:
    return FaceloopError(f"{crops_path(batch)}: {reason}; run 'dvc repro -f extract_faces@{batch}'")


def _read_directory(pack: BinaryIO) -> tuple[np.ndarray, np.ndarray]:
    """Return the names, bytes (n,), and the offsets, int64 (n,), of all that a pack holds."""
    n, n_bytes, offset = _find_directory(pack)
    directory = _read_at(pack, offset, n_bytes)
    if not n:
        return np.array([], dtype="S1"), np.array([], dtype=np.int64)
    name_bytes = int.from_bytes(directory[28:30], "little")
    n_wide, rest = divmod(n_bytes - n * (ENTRY_BYTES + name_bytes), WIDE_BYTES)
    if rest or not 0 <= n_wide <= n:
        raise Irregular("its entries differ")
    near = np.frombuffer(directory, _entry(name_bytes, 0), n - n_wide)
    wide = np.frombuffer(directory, _entry(name_bytes, WIDE_BYTES), n_wide, near.nbytes)
    for entries, extra_bytes in ((near, 0), (wide, WIDE_BYTES)):
        regular = (entries["signature"] == b"PK\1\2") & (entries["method"] == 0)
        regular &= (entries["name_bytes"] == name_bytes) & (entries["extra_bytes"] == extra_bytes)
        if not regular.all():
            raise Irregular("its entries differ")
    names = np.concatenate([near["name"], wide["name"]])
    return names, np.concatenate([near["offset"], wide["wide_offset"]]).astype(np.int64)


def _find_directory(pack: BinaryIO) -> tuple[int, int, int]:
    """Return how many entries the directory has, its bytes and its offset."""
    end = pack.seek(0, 2) - END.size
    signature, *where = END.unpack(_read_at(pack, end, END.size))
    if signature != b"PK\5\6":
        raise Irregular("it does not end as a pack of crops")
    if end >= LOCATOR.size:
        signature, offset = LOCATOR.unpack(_read_at(pack, end - LOCATOR.size, LOCATOR.size))
        if signature == b"PK\6\7":
            _, *where = END64.unpack(_read_at(pack, offset, END64.size))
    n, n_bytes, offset = where
    return n, n_bytes, offset


def _read_at(pack: BinaryIO, offset: int, n_bytes: int) -> bytes:
    if not 0 <= offset <= pack.seek(0, 2) - n_bytes:
        raise Irregular("it is cut short")
    pack.seek(offset)
    return pack.read(n_bytes)


def _entry(name_bytes: int, extra_bytes: int) -> np.dtype:
    """Return what an entry of the directory is: 4.3.12."""
    size = ENTRY_BYTES + name_bytes + extra_bytes
    where = {
        "signature": ("S4", 0),
        "method": ("<u2", 10),
        "name_bytes": ("<u2", 28),
        "extra_bytes": ("<u2", 30),
        "offset": ("<u4", 42),
        "name": (f"S{name_bytes}", ENTRY_BYTES),
    }
    if extra_bytes:
        where["wide_offset"] = ("<u8", size - 8)
    formats, offsets = zip(*where.values(), strict=True)
    return np.dtype(
        {"names": list(where), "formats": formats, "offsets": offsets, "itemsize": size}
    )
