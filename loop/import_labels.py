"""`faceloop import`: labels that were made elsewhere, or by sorting crops into folders."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from loop.state import State, next_step, read_state
from loop.vote import read_truth
from stages.core.anchors import place_rows
from stages.core.errors import FaceloopError
from stages.core.records import QUEUE, VOTES, as_table, queue_rows
from stages.core.rounds import rounds_up_to
from stages.files.labels import (
    check_annotator,
    check_label,
    known_rounds,
    read_queue,
    read_rows,
    with_votes,
    write_queue,
    write_votes,
)
from stages.files.media import PHOTO_SUFFIXES, sha256_of
from stages.files.tables import read_faces


class Said(NamedTuple):
    """One imported label: where it stands, the face, the label."""

    where: str
    face_id: str
    label: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to import and whose labels they are."""
    parser.add_argument("path", type=Path, help="a folder per class, or a CSV")
    parser.add_argument(
        "--as",
        dest="annotator",
        required=True,
        metavar="NAME",
        help="whose labels these are",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the labels as votes of the candidate round; faces not queued join its queue.

    Raises:
        FaceloopError: with file and row: an unknown class or face, or one labelled before.
    """
    check_annotator(arguments.annotator)
    state = read_state()
    faces = read_faces(state.settings.batches)
    if arguments.path.is_dir():
        said, passed_over = read_folders(arguments.path, faces, state.settings.classes)
    else:
        said, passed_over = read_labels(arguments.path, faces, state), []
    if not said:
        raise FaceloopError(f"{arguments.path}: no label found; see 'faceloop import --help'")
    check_once(said)
    votes = as_table(
        [
            {"face_id": one.face_id, "label": one.label, "labelled_at": now(), "mode": "import"}
            for one in said
        ],
        VOTES,
    )
    # All checks come before the first byte is written.
    merged = with_votes(state.candidate, arguments.annotator, votes, state.settings.classes)
    added = join_queue(said, faces, state)
    write_votes(state.candidate, arguments.annotator, merged)
    print(f"import: {len(said)} labels by {arguments.annotator}, {added} faces new to the queue")
    for line in passed_over:
        print(f"- passed over: {line}")
    print(f"then: {next_step(read_state())}")
    return 0


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_folders(
    folder: Path, faces: pd.DataFrame, classes: Sequence[str]
) -> tuple[list[Said], list[str]]:
    """Read a folder per class: exported crops by name, photos by their bytes.

    Returns:
        The labels, and the photos passed over for holding no face, or several, with the reason.
    """
    known = set(faces["face_id"])
    originals = faces[faces["duplicate_of"].isna()]
    by_bytes = originals.groupby("source_sha256")["face_id"].agg(list).to_dict()
    said, passed_over = [], []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix.lower() not in PHOTO_SUFFIXES:
            continue
        label = path.relative_to(folder).parts[0]
        if path.parent == folder:
            continue  # a crop that nobody has sorted yet
        check_label(label, path.as_posix(), classes)
        if path.stem in known:
            said.append(Said(path.as_posix(), path.stem, label))
            continue
        found = by_bytes.get(sha256_of(path))
        if found is None:
            passed_over.append(f"{path}: no face was found in it, or it is in no batch")
        elif len(found) > 1:
            passed_over.append(f"{path}: {len(found)} faces; label them in the queue")
        else:
            said.append(Said(path.as_posix(), found[0], label))
    return said, passed_over


def read_labels(path: Path, faces: pd.DataFrame, state: State) -> list[Said]:
    """Read a CSV: face_id and label, or source and label with frame and box."""
    rows = read_rows(path, ["label"])
    if rows and "face_id" not in rows[0][1]:
        truth = read_truth(path, state.settings.classes)
        ids = place_by_source(truth, faces, state.settings.merge_labels.min_iou)
        rows = [
            (row, {**one, "face_id": found}) for (row, one), found in zip(rows, ids, strict=True)
        ]
    known = set(faces["face_id"])
    said = []
    for row, one in rows:
        check_label(one["label"], f"{path}:{row}", state.settings.classes)
        if one.get("face_id") not in known:
            shown = one.get("face_id") or one.get("source", "")
            raise FaceloopError(f"{path}:{row}: unknown face {shown!r}: it is in no face table")
        said.append(Said(f"{path}:{row}", one["face_id"], one["label"]))
    return said


def place_by_source(truth: pd.DataFrame, faces: pd.DataFrame, min_iou: float) -> list[str]:
    """Return the id of the face that each row is about, "" where none: by box, or the only one.

    Raises:
        FaceloopError: a source's name stands in several batches.
    """
    homes = faces.groupby("source")["batch"].nunique()
    for source in truth["source"][truth["source"].isin(homes.index[homes > 1])]:
        raise FaceloopError(f"{source} is in several batches: import its labels by face_id")
    everywhere = faces.assign(batch="")
    only = faces.drop_duplicates("source", keep=False).set_index("source")["face_id"]
    boxed = truth[truth["x0"].notna()].assign(batch="", face_id="")
    ids = truth["source"].map(only).where(truth["x0"].isna(), "").fillna("")
    ids[boxed.index] = place_rows(boxed, everywhere, min_iou)
    return ids.tolist()


def check_once(said: list[Said]) -> None:
    """Refuse two labels for one face.

    Raises:
        FaceloopError: with both places.
    """
    first: dict[str, Said] = {}
    for one in said:
        before = first.setdefault(one.face_id, one)
        if before.label != one.label:
            raise FaceloopError(
                f"{one.where}: face {one.face_id} is {one.label!r} here and {before.label!r} in "
                f"{before.where}; keep the right one"
            )


def join_queue(said: list[Said], faces: pd.DataFrame, state: State) -> int:
    """Add faces that the candidate's queue lacks to it; return how many.

    Raises:
        FaceloopError: a face was asked about in an earlier round.
    """
    queued = set(state.queue["face_id"])
    new = {one.face_id: one.where for one in said if one.face_id not in queued}
    for name in rounds_up_to(state.candidate, known_rounds(state.settings.rounds)):
        earlier = set(read_queue(name)["face_id"]) & set(new) if name != state.candidate else set()
        for face_id in sorted(earlier):
            raise FaceloopError(
                f"{new[face_id]}: face {face_id} was labelled in {name}; correct it there"
            )
    if new:
        rows = queue_rows(faces[faces["face_id"].isin(list(new))], "train", reason="imported")
        rows = rows.drop_duplicates("face_id").sort_values("face_id")
        write_queue(as_table(pd.concat([state.queue, rows]), QUEUE), state.candidate)
    return len(new)
