"""`faceloop export`: the queue's crops as files, for labelling by sorting them into folders."""

import argparse
from pathlib import Path

from tqdm import tqdm

from loop.state import read_state
from stages.core.errors import FaceloopError
from stages.core.records import NOT_A_FACE, UNSURE
from stages.files.crops import read_crops


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the folder to write to."""
    parser.add_argument("folder", type=Path, help="where to write; it must not be there yet")


def run(arguments: argparse.Namespace) -> int:
    """Write unanswered crops as `<face_id>.jpg` beside an empty folder per class.

    Nothing tells validation from training faces, nor what the model thinks.

    Raises:
        FaceloopError: the folder is there or inside the project, or no face waits.
    """
    state, folder = read_state(), arguments.folder
    if folder.resolve().is_relative_to(Path.cwd()):
        raise FaceloopError(
            f"{folder} is inside the project, where git takes faces: try ../to-label"
        )
    if folder.exists():
        raise FaceloopError(f"{folder} is there already: name a new folder")
    waiting = state.queue[state.queue["face_id"].isin(state.unanswered)]
    if waiting.empty:
        raise FaceloopError("no face waits for a label: 'faceloop status' tells what does")
    crops: dict[str, bytes] = {}
    for batch, faces in waiting.groupby("batch", sort=True):
        ids = faces["face_id"].tolist()
        crops |= zip(ids, read_crops(str(batch), ids), strict=True)
    for name in [*state.settings.classes, UNSURE, NOT_A_FACE]:
        (folder / name).mkdir(parents=True)
    for face_id, jpeg in tqdm(crops.items(), "export", unit="crop", disable=None):
        (folder / f"{face_id}.jpg").write_bytes(jpeg)
    print(f"export: {len(waiting)} crops in {folder}/")
    print(f"then: move each into its class's folder there; faceloop import {folder} --as YOUR-NAME")
    return 0
