"""`faceloop release`: the labelled faces and the model, to be used elsewhere."""

import argparse
import shutil
from pathlib import Path

from faceloop.base.code import sha256_of
from faceloop.base.errors import FaceloopError
from faceloop.base.links import is_here
from faceloop.commands.journal import sole_writer
from faceloop.commands.release.contents import Contents, read_contents
from faceloop.commands.release.croissant import write_croissant
from faceloop.commands.release.data_card import data_card
from faceloop.commands.release.dataset import released_parts, write_parts
from faceloop.commands.release.model import SUMS, write_model
from faceloop.commands.release.model_card import model_card
from faceloop.commands.repository.outside import refuse_inside_project
from faceloop.labels.vote_files import GUIDELINES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where to write, and what to leave out."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder outside the project")
    parser.add_argument(
        "--format",
        choices=("parquet", "folder"),
        default="parquet",
        help="pictures inside Parquet, or files in a folder per class (default: %(default)s)",
    )
    parser.add_argument(
        "--anonymous-sources",
        action="store_true",
        help="leave out source paths; number faces and groups anew",
    )
    parser.add_argument(
        "--name-annotators", action="store_true", help="name annotators in the data card"
    )


@sole_writer("release")
def run(arguments: argparse.Namespace) -> int:
    """Write DIR/dataset and DIR/model, whole or not at all; the same bytes for the same commit.

    Raises:
        FaceloopError: DIR is inside the project or not empty, the pipeline is stale, or nothing is
            labelled yet.
    """
    folder: Path = arguments.folder
    refuse_inside_project(folder, "../release")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FaceloopError(f"{folder} is there already: name a new folder")
    partial = folder.with_name(f"{folder.name}.partial")
    if partial.exists():
        clear(partial)
    contents = read_contents()
    partial.mkdir(parents=True)
    try:
        write_dataset(contents, partial / "dataset", arguments)
        about = write_model(contents, partial / "model")
        (partial / "model/README.md").write_text(model_card(contents, about), encoding="utf-8")
        for part in ("dataset", "model"):
            write_checksums(partial / part)
        partial.replace(folder)
    finally:  # of a release that failed nothing stays
        shutil.rmtree(partial, ignore_errors=True)
    say(contents, folder)
    return 0


def clear(partial: Path) -> None:
    """Take away what a release that was killed has left: faces, and nobody's to keep.

    Raises:
        FaceloopError: there is something else in it.
    """
    if not partial.is_dir() or {path.name for path in partial.iterdir()} - {"dataset", "model"}:
        raise FaceloopError(f"{partial} is there, and no release wrote it: move it away")
    shutil.rmtree(partial)


def write_dataset(contents: Contents, folder: Path, arguments: argparse.Namespace) -> None:
    """Write the data set's files and its card."""
    form, anonymous = arguments.format, arguments.anonymous_sources
    parts = released_parts(contents, anonymous)
    folder.mkdir()
    write_parts(parts, contents.settings.classes, folder, form)
    card = data_card(contents, parts, form, anonymous, arguments.name_annotators)
    (folder / "README.md").write_text(card, encoding="utf-8")
    copy_guidelines(folder)
    if form == "parquet":
        title = "Faces labelled " + ", ".join(contents.settings.classes)
        rows = {part: len(some) for part, some in parts.items()}
        write_croissant(title, f"Crops of faces, round {contents.round}.", rows, folder)


def copy_guidelines(folder: Path) -> None:
    """Copy the guidelines, where there are some.

    Raises:
        FaceloopError: they are a link.
    """
    if is_here(GUIDELINES):
        shutil.copyfile(GUIDELINES, folder / GUIDELINES.name)


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS of all files in a folder; `sha256sum -c SHA256SUMS` checks them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def say(contents: Contents, folder: Path) -> None:
    """Print what was released, and what is not as one might think."""
    gate, n = contents.gate, len(contents.faces)
    print(f"release: {n} labelled faces and the model of {contents.round} in {folder}/")
    if contents.role == "accepted":
        print(f"- {gate.round} was rejected: this is the round before it")
    elif gate.verdict != "target_met":
        print(f"- the target is not met (verdict {gate.verdict}); the cards say so")
    if contents.commit is None:
        print("- the cards name no commit: something here is not committed, or there is no git")
    print("- read both README.md: some questions are yours to answer; faces are personal data")
    print(f"then: faceloop predict PATH... --release {folder}")
