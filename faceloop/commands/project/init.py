"""`faceloop init`: a new project, apart from faceloop's own repository."""

import argparse
import importlib.metadata
import shutil
from contextlib import chdir
from pathlib import Path

from faceloop.base.errors import FaceloopError
from faceloop.commands.repository import bootstrap
from faceloop.commands.repository.git import run_git
from faceloop.commands.rounds.start import add_classes, reset_params

# A wheel holds a copy of the shared files beside this module; in a clone they are its own.
SHARED, CLONE = Path(__file__).parent / "shared", Path(__file__).parents[3]
TEMPLATE = Path(__file__).parent / "template"
EMPTY = ("data/raw", "data/sources", "models/embedders")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where, and the classes."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="new, or an empty folder")
    add_classes(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lay a project's files, and make it a repository of git and DVC.

    Raises:
        FaceloopError: the folder holds something, or a class name is bad; nothing is left then.
    """
    folder: Path = arguments.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FaceloopError(f"{folder} holds something already: name a new folder")
    was_there = folder.is_dir()
    try:
        lay_project(folder)
        with chdir(folder):
            reset_params(arguments.classes)
            run_git("init", "--quiet")
            bootstrap.main()
            run_git("add", "--all")
    except BaseException:
        shutil.rmtree(folder)
        if was_there:
            folder.mkdir()
        raise
    print(f"init: {folder} is a project with the classes {', '.join(arguments.classes)}")
    print(f"then: cd {folder}, git commit -m 'A new project', put photos and videos in")
    print("      data/raw/NAME/, and: faceloop next --batch NAME")
    return 0


def lay_project(folder: Path) -> None:
    """Copy what makes a project into a folder: what faceloop's repository has too, and its own."""
    shared = SHARED if SHARED.is_dir() else CLONE
    for pattern in (SHARED.parent / "shared.txt").read_text(encoding="utf-8").split():
        for path in sorted(shared.glob(pattern)):
            copy = folder / path.relative_to(shared)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    for name in EMPTY:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / ".gitkeep").touch()
    pinned = folder / "pyproject.toml"
    version = importlib.metadata.version("faceloop")
    pinned.write_text(pinned.read_text(encoding="utf-8").replace("VERSION", version), "utf-8")
