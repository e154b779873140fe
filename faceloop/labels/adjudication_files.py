"""What was settled where people disagree: labels/<round>/adjudication.csv, and all of a round."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.links import is_here
from faceloop.base.storage import write_csv
from faceloop.base.tables import as_table, stacked
from faceloop.labels.columns import (
    ADJUDICATIONS,
    CAST_VOTES,
    QUEUED,
    ROUND_ADJUDICATIONS,
    UNRESOLVED,
)
from faceloop.labels.vote_files import (
    LABELS_DIR,
    as_on_disk,
    check_annotator,
    check_label,
    read_queue,
    read_rows,
    read_votes,
)

REQUIRED = ("face_id", "label", "adjudicator", "labelled_at")


class RoundTables(NamedTuple):
    """Of several rounds: queues (QUEUED), votes (CAST_VOTES), adjudications (with `round`)."""

    queues: pd.DataFrame
    votes: pd.DataFrame
    adjudications: pd.DataFrame

    def of(self, rounds: Sequence[str]) -> "RoundTables":
        """Return what some of the rounds hold."""
        return RoundTables(*(table[table["round"].isin(list(rounds))] for table in self))


def read_rounds(names: Sequence[str], classes: Sequence[str]) -> RoundTables:
    """Return all that was asked and said in these rounds.

    Raises:
        FaceloopError: a file is at fault, with its row.
    """
    votes = {name: read_votes(name, classes) for name in names}
    settled = [read_adjudications(name, votes[name], classes).assign(round=name) for name in names]
    return RoundTables(
        stacked([read_queue(name).assign(round=name) for name in names], QUEUED),
        stacked([table.assign(round=name) for name, table in votes.items()], CAST_VOTES),
        stacked(settled, ROUND_ADJUDICATIONS),
    )


def adjudication_path(round_name: str) -> Path:
    """Return where a round's adjudications lie."""
    return LABELS_DIR / round_name / "adjudication.csv"


def read_adjudications(
    round_name: str, votes: pd.DataFrame, classes: Sequence[str]
) -> pd.DataFrame:
    """Return a round's adjudications, several of a face where one was corrected.

    Args:
        round_name: the round.
        votes: its votes; what nobody voted on, nobody disagrees on.
        classes: of params.yaml; `unresolved`, `unsure` and `not_a_face` are allowed too.

    Raises:
        FaceloopError: with file and row: a column is missing, a label is no class, nobody voted on
            the face, the adjudicator or the time is none, or two rows of a face at the same time
            differ.
    """
    path = adjudication_path(round_name)
    if not is_here(path):
        return as_table([], ADJUDICATIONS)
    voted = set(votes["asked_id"])
    seen: dict[tuple[str, datetime], tuple[int, str]] = {}
    rows = []
    for row, found in read_rows(path, REQUIRED):
        where = f"{path}:{row}"
        check_label(found["label"], where, [*classes, UNRESOLVED])
        check_annotator(found["adjudicator"], where)
        if found["face_id"] not in voted:
            raise FaceloopError(
                f"{where}: unknown face {found['face_id']!r}: nobody voted on it in {path.parent}; "
                "take the row out, or bring the votes back"
            )
        time = parse_time(found["labelled_at"], where)
        before = seen.setdefault((found["face_id"], time), (row, found["label"]))
        if before[1] != found["label"]:
            raise FaceloopError(
                f"{where}: face {found['face_id']} is {found['label']!r} here and {before[1]!r} in "
                f"row {before[0]}, at the same time; give the one that counts a later labelled_at"
            )
        rows.append({"note": "", **found, "asked_id": found["face_id"]})
    return as_table(rows, ADJUDICATIONS)


def with_adjudications(round_name: str, new: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return a round's adjudications with rows added that are not there yet; nothing is written.

    Raises:
        FaceloopError: what stands there says otherwise of a face, or cannot be read.
    """
    path = adjudication_path(round_name)
    old = read_adjudications(round_name, read_votes(round_name, classes), classes)
    times = pd.to_datetime(old["labelled_at"], utc=True, format="ISO8601")
    last = old.iloc[times.argsort(kind="stable")].drop_duplicates("asked_id", keep="last")
    last = last.set_index("asked_id")
    known = set(zip(old["asked_id"], old["adjudicator"], old["labelled_at"], strict=True))
    added = []
    for row in as_table(new, ADJUDICATIONS).to_dict("records"):
        if (row["asked_id"], row["adjudicator"], row["labelled_at"]) in known:
            continue
        before = last.loc[row["asked_id"]] if row["asked_id"] in last.index else None
        if before is not None and before["label"] != row["label"]:
            raise FaceloopError(
                f"{path}: face {row['asked_id']} is {before['label']!r} by {before['adjudicator']} "
                f"there and {row['label']!r} by {row['adjudicator']} now; agree on one, then take "
                f"yours back in 'faceloop adjudicate --as {row['adjudicator']}' with Backspace, or "
                "add a row with a later labelled_at by hand"
            )
        added.append(row)
    return stacked([old, as_table(added, ADJUDICATIONS)], ADJUDICATIONS)


def write_adjudications(round_name: str, table: pd.DataFrame) -> None:
    """Write a round's adjudications, sorted, whole or not at all."""
    ordered = as_table(table, ADJUDICATIONS).sort_values(["asked_id", "labelled_at", "adjudicator"])
    write_csv(as_on_disk(ordered), adjudication_path(round_name))


def parse_time(text: str, where: str) -> datetime:
    """Return an ISO 8601 time with its offset from UTC.

    Raises:
        FaceloopError: it is none: which of two rows is the later could not be told.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise FaceloopError(
            f"{where}: labelled_at {text!r}; write a time like 2026-11-23T09:30:00+00:00"
        )
    return time
