"""Writing a file whole or not at all."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from uuid import uuid4

# How a temporary file becomes the file; of several that belong together, all at once and later.
RENAME: ContextVar[Callable[[Path, Path], object]] = ContextVar("RENAME", default=Path.replace)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, no other writer's; it becomes `path` if all goes well.

    An error leaves the old file as it was; a crash leaves a `.partial` too, which git ignores.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid4().hex[:8]}.partial")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        RENAME.get()(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
