"""Names that become files or folders, for every disk: those of people, classes and batches."""

import re
from collections.abc import Collection, Iterable

from faceloop.base.blocks import NAME_PATTERN, NAMES_ALLOWED

LONGEST = 64  # characters; some disks take 255 bytes, with all that we put behind a name
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def check_file_name(name: str) -> None:
    """Refuse a name that some disk cannot keep.

    Raises:
        ValueError: with why, and what is allowed.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(NAMES_ALLOWED)
    if len(name) > LONGEST:
        raise ValueError(f"{name[:20]}... has {len(name)} characters; allowed: {LONGEST} at most")
    if DEVICES.fullmatch(name) or name.endswith("."):
        raise ValueError(f"Windows can make no file named {name!r}; choose another name")


def check_spelling(names: Iterable[str], known: Collection[str] = ()) -> None:
    """Refuse a name that differs from another, or from a known one, in capitals alone.

    Raises:
        ValueError: with both: on most disks of Windows and macOS they are one file.
    """
    spelt = {name.lower(): name for name in known}
    for name in names:
        before = spelt.setdefault(name.lower(), name)
        if before != name:
            raise ValueError(
                f"{name!r} and {before!r} are one file on some disks, and so the same name twice; "
                "spell it one way"
            )
