"""Files that came with the project, never links: what those lead to is this machine's alone."""

from pathlib import Path

from faceloop.base.errors import FaceloopError


def is_here(path: Path) -> bool:
    """Tell whether a file of the project is here, to be read.

    Raises:
        FaceloopError: it, or a folder on the way from the project's root, is a link; or it is
            something that cannot be read as a file, such as a pipe.
    """
    for one in (path,) if path.is_absolute() else (*reversed(path.parents), path):
        if one.is_symlink():
            raise FaceloopError(f"{one} is a link: put what it should hold there itself")
    if path.exists() and not path.is_file():
        raise FaceloopError(f"{path} is no file: take it away")
    return path.is_file()
