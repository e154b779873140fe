"""Keeping faces, and what is said of them, out of the folder that git takes."""

from pathlib import Path

from faceloop.base.errors import FaceloopError


def refuse_inside_project(path: Path, instead: str) -> None:
    """Refuse to write faces or what is said of them into a project, where git would take them.

    Raises:
        FaceloopError: with a place outside.
    """
    if Path("params.yaml").is_file() and path.resolve().is_relative_to(Path.cwd()):
        raise FaceloopError(f"{path} is inside the project, where git takes faces: try {instead}")
