"""`faceloop vote --truth FILE`: what a person who knows the truth would have said."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.tables import as_table
from faceloop.commands.journal import sole_writer, together
from faceloop.commands.rounds.state import next_step, read_state
from faceloop.crops.boxes import BOX, boxes_of, iou, match_boxes
from faceloop.labels.columns import NOT_A_FACE, VOTES
from faceloop.labels.placing import MIN_IOU
from faceloop.labels.vote_files import check_label, read_rows, with_votes, write_votes

TRUTH = {"source": "str", "frame": "Int64", **dict.fromkeys(BOX, "Float64"), "label": "str"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the truth and the annotator's name."""
    parser.add_argument("--truth", type=Path, required=True, help="CSV: source, label, frame, box")
    parser.add_argument(
        "--as",
        dest="annotator",
        default="truth",
        metavar="NAME",
        help="must begin with 'truth', so that nobody takes it for a person",
    )


@sole_writer("vote")
def run(arguments: argparse.Namespace) -> int:
    """Answer the candidate round's queue; a face that the truth does not know is not_a_face.

    Raises:
        FaceloopError: no queue is open, or the truth has a class that params.yaml does not.
    """
    if not arguments.annotator.startswith("truth"):
        raise FaceloopError(f"--as {arguments.annotator}: votes from a truth table are by 'truth…'")
    state = read_state()
    if state.queue.empty:
        raise FaceloopError(f"{state.candidate} has no queue yet: run 'faceloop next'")
    truth = read_truth(arguments.truth, state.settings.classes)
    labels = label_by_truth(state.queue, truth)
    votes = pd.DataFrame(
        {
            "asked_id": state.queue["asked_id"],
            "label": labels.where(labels != "", NOT_A_FACE),
            "labelled_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "mode": "truth",
        },
        columns=list(VOTES),
    )
    name, classes = arguments.annotator, state.settings.classes
    merged = with_votes(state.candidate, name, votes, classes)
    with together():
        write_votes(state.candidate, name, merged)
    print(f"vote: {votes['label'].value_counts().to_dict()} by {name}")
    print(f"then: {next_step(read_state())}")
    return 0


def read_truth(path: Path, classes: Sequence[str]) -> pd.DataFrame:
    """Read a truth table: source and label, and where a source has several faces, frame and box.

    Raises:
        FaceloopError: with file and row: an unknown class, or a number that is none.
    """
    rows = read_rows(path, ["source", "label"])
    for row, found in rows:
        check_label(found["label"], f"{path}:{row}", classes)
    table = pd.DataFrame([found for _, found in rows], columns=list(TRUTH))
    try:
        numbers = table[["frame", *BOX]].replace("", None).apply(pd.to_numeric)
        return as_table(table.assign(**numbers), TRUTH)
    except ValueError as error:
        raise FaceloopError(f"{path}: frame and box must be numbers: {error}") from error


def label_by_truth(queue: pd.DataFrame, truth: pd.DataFrame) -> pd.Series:
    """Return the true label of each queued face, or "" where the truth has none for it.

    Args:
        queue: columns source, frame, x0, y0, x1, y1.
        truth: the same columns and label; a row without a box speaks for its whole source.
    """
    whole = truth[truth["x0"].isna()].drop_duplicates("source").set_index("source")["label"]
    labels = queue["source"].map(whole.to_dict().get).astype("str").fillna("")
    boxed = truth[truth["x0"].notna()].assign(frame=truth["frame"].fillna(-1))
    by_place = dict(list(boxed.groupby(["source", "frame"])))
    for key, faces in queue.assign(frame=queue["frame"].fillna(-1)).groupby(["source", "frame"]):
        there = by_place.get(key)
        if there is not None:
            for row, column in match_boxes(iou(boxes_of(faces), boxes_of(there)), MIN_IOU):
                labels[faces.index[row]] = there["label"].iloc[column]
    return labels
