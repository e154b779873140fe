"""`faceloop import`: labels that were made elsewhere, or by sorting crops into folders."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.rounds import rounds_up_to
from faceloop.base.tables import as_table
from faceloop.commands.exchange.annotators import name_everybody
from faceloop.commands.exchange.csv_labels import read_csv_labels
from faceloop.commands.exchange.cvat import read_cvat
from faceloop.commands.exchange.folders import read_folders
from faceloop.commands.exchange.label_studio import read_label_studio
from faceloop.commands.exchange.said import GivenLabel, LabelFile, once_each
from faceloop.commands.journal import sole_writer, together
from faceloop.commands.rounds.state import State, next_step, read_state
from faceloop.crops.face_table import read_faces
from faceloop.labels.columns import ASKED_AS, IMPORTED, VOTES
from faceloop.labels.vote_files import (
    check_writer,
    known_rounds,
    read_queue,
    with_votes,
    write_queue,
    write_votes,
)
from faceloop.pool.queue import queue_rows

SEED_IS_FOR = (
    "these labels are the seed: the first model learns from most of them, and the others show in "
    "later rounds whether old knowledge is kept; after 'dvc repro', add the batch that you want "
    "labelled: faceloop next --batch NAME"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to import and whose labels they are."""
    parser.add_argument(
        "path",
        type=Path,
        help="folder per class, CSV, Label Studio's full JSON, or CVAT's 'images 1.1' (XML or zip)",
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--as", dest="annotator", metavar="NAME", help="whose labels these are")
    whose.add_argument(
        "--who",
        type=Path,
        metavar="TABLE.csv",
        help="of several people's: columns their (e-mail or id) and name; keep it out of git",
    )


@sole_writer("import")
def run(arguments: argparse.Namespace) -> int:
    """Write the labels as votes of the candidate round; faces not queued join its queue.

    Raises:
        FaceloopError: with file and place: an unknown class, face or person, a face labelled
            before, or two labels by one person for one face.
    """
    path = arguments.path
    if arguments.annotator is not None:
        check_writer(arguments.annotator)
    state = read_state()
    faces = read_faces(state.settings.batches)
    found = read_any(path, faces, state)
    if not found.said:
        told = "; ".join([f"{path}: no label found", *found.no_vote])
        raise FaceloopError(f"{told}; see 'faceloop import --help'")
    people = {one.by for one in found.said}
    names = name_everybody(people, path, arguments.annotator, arguments.who)
    said = {
        name: once_each([one for one in found.said if names[one.by] == name])
        for name in sorted(set(names.values()))
    }
    candidate, classes = state.candidate, state.settings.classes
    merged = {
        name: with_votes(candidate, name, as_votes(theirs, found.mode), classes)
        for name, theirs in said.items()
    }
    new = new_to_queue([one for theirs in said.values() for one in theirs], faces, state)
    with together():
        if len(new):
            write_queue(pd.concat([state.queue, new]), candidate)
        for name, votes in merged.items():
            write_votes(candidate, name, votes)
    told = ", ".join(f"{len(theirs)} labels by {name}" for name, theirs in said.items())
    print(f"import: {told}, {len(new)} faces new to the queue")
    for line in found.no_vote:
        print(f"- {line}")
    print(*found.table, sep="\n", end="\n" if found.table else "")
    after = read_state()
    if after.is_imported_seed:
        print(f"- {SEED_IS_FOR}")
    print(f"then: {next_step(after)}")
    return 0


def read_any(path: Path, faces: pd.DataFrame, state: State) -> LabelFile:
    """Read a file or folder by its kind.

    Raises:
        FaceloopError: it is not there, or what its kind refuses.
    """
    classes = state.settings.classes
    # A queued face whose id a re-extraction took away still has its votes placed.
    known = frozenset(faces["face_id"]) | frozenset(state.queue["asked_id"])
    if path.is_dir():
        return read_folders(path, faces, known, classes)
    if not path.is_file():
        raise FaceloopError(f"{path} is not here: name a file or folder that is")
    if path.suffix.lower() == ".json":
        return read_label_studio(path, known, classes)
    if path.suffix.lower() in (".xml", ".zip"):
        return read_cvat(path, known, classes)
    return read_csv_labels(path, faces, known, state.settings)


def as_votes(said: Sequence[GivenLabel], mode: str) -> pd.DataFrame:
    """Return labels as votes; the time of the import where none was told."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [
        {**one._asdict(), "asked_id": one.face_id, "labelled_at": one.labelled_at or now}
        for one in said
    ]
    return as_table(pd.DataFrame(rows).assign(mode=mode), VOTES)


def new_to_queue(said: Sequence[GivenLabel], faces: pd.DataFrame, state: State) -> pd.DataFrame:
    """Return the labelled faces that the candidate's queue lacks, as rows of it.

    Raises:
        FaceloopError: a face was asked about in an earlier round.
    """
    queued = set(state.queue["asked_id"])
    new = {one.face_id: one.where for one in said if one.face_id not in queued}
    for name in rounds_up_to(state.candidate, known_rounds(state.settings.rounds)):
        earlier = set(read_queue(name)["asked_id"]) & set(new) if name != state.candidate else set()
        for face_id in sorted(earlier):
            raise FaceloopError(
                f"{new[face_id]}: face {face_id} was labelled in {name}; correct it there"
            )
    rows = queue_rows(faces[faces["face_id"].isin(list(new))], "train", reason=IMPORTED)
    return rows.drop_duplicates("face_id").sort_values("face_id").rename(columns=ASKED_AS)
