"""What people said: label CSVs under labels/, read strictly, for no vote may be lost or bent."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from faceloop.base.blocks import NAME_PATTERN, Rounds
from faceloop.base.errors import FaceloopError
from faceloop.base.links import is_here
from faceloop.base.rounds import PRIOR, is_round, order_of
from faceloop.base.storage import read_csv, write_csv
from faceloop.base.tables import as_table, stacked
from faceloop.labels.columns import ASKED, ASKED_AS, NOT_A_FACE, REQUIRED_OF_A_VOTE, UNSURE, VOTES
from faceloop.labels.file_names import check_spelling
from faceloop.labels.params import NO_ANNOTATORS, check_person
from faceloop.pool.queue import PURPOSES, QUEUE

LABELS_DIR = Path("labels")
GUIDELINES = LABELS_DIR / "GUIDELINES.md"
LONGEST_LINE = 100_000  # characters


def known_rounds(rounds: Rounds) -> list[str]:
    """Return the rounds that have a folder under labels/, oldest first.

    Raises:
        FaceloopError: a folder there has no round's name, or params.yaml names a round that has no
            folder (the candidate may lack one: its queue is still to come).
    """
    folders = [path.name for path in LABELS_DIR.glob("*") if path.is_dir()]
    for name in folders:
        if not is_round(name):
            raise FaceloopError(f"{LABELS_DIR}/{name}: a round is named like o01-i00; rename it")
    for key, names in (("accepted", [rounds.accepted]), ("rejected", rounds.rejected)):
        for name in set(names) - {PRIOR, *folders}:
            raise FaceloopError(
                f"params.yaml: rounds.{key}: unknown round {name!r}; "
                f"allowed: {', '.join([PRIOR, *sorted(folders)])}"
            )
    return sorted(folders, key=order_of)


def queue_path(round_name: str) -> Path:
    """Return where a round's frozen queue lies."""
    return LABELS_DIR / round_name / "queue.csv"


def read_queue(round_name: str) -> pd.DataFrame:
    """Return a round's queue (columns ASKED); empty where it has not been opened.

    Raises:
        FaceloopError: a row has an unknown purpose or an annotator whose name can be nobody's, or
            a face stands there twice.
    """
    path = queue_path(round_name)
    if not is_here(path):
        return as_table([], ASKED)
    with path.open(encoding="utf-8", errors="replace") as file:
        deque(_lines(path, file), maxlen=0)
    queue = read_csv(path, QUEUE)
    for column in ("face_id", "batch"):  # both become names of files
        strange = queue.index[~queue[column].str.fullmatch(NAME_PATTERN)]
        if len(strange):
            raise FaceloopError(
                f"{path}:{strange[0] + 2}: {column} {queue[column][strange[0]]!r}; "
                "restore the file with git"
            )
    told = zip(queue["purpose"], queue["annotators"], strict=True)
    for row, (purpose, names) in enumerate(told, start=2):
        if purpose not in PURPOSES:
            raise FaceloopError(
                f"{path}:{row}: purpose {purpose!r}; allowed: {', '.join(PURPOSES)}"
            )
        for name in names.split():
            check_annotator(name, f"{path}:{row}")
    twice = queue.index[queue.duplicated(["batch", "face_id"])]
    if len(twice):
        raise FaceloopError(
            f"{path}:{twice[0] + 2}: face {queue['face_id'][twice[0]]} stands twice"
        )
    return queue.rename(columns=ASKED_AS)


def write_queue(queue: pd.DataFrame, round_name: str) -> None:
    """Freeze a round's queue (columns ASKED)."""
    write_csv(as_on_disk(as_table(queue, ASKED)), queue_path(round_name))


def as_on_disk(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the header that files under labels/ have."""
    return table.rename(columns={ours: header for header, ours in ASKED_AS.items()})


def reserve_path(round_name: str) -> Path:
    """Return where the validation faces lie that a round was drawn with and does not ask yet."""
    return LABELS_DIR / round_name / "reserve.csv"


def read_reserve(round_name: str) -> pd.DataFrame:
    """Return a round's reserve (columns ASKED), in the order in which it is asked."""
    path = reserve_path(round_name)
    reserve = read_csv(path, QUEUE) if is_here(path) else as_table([], QUEUE)
    return reserve.rename(columns=ASKED_AS)


def annotator_files(round_name: str) -> list[Path]:
    """Return a round's vote files, one an annotator, by name.

    Raises:
        FaceloopError: two of them are one on some disks.
    """
    paths = sorted((LABELS_DIR / round_name).glob("*.csv"))
    try:
        check_spelling(path.stem for path in paths)
    except ValueError as error:
        raise FaceloopError(f"{LABELS_DIR / round_name}: {error}: git mv one of them") from error
    return [path for path in paths if path.stem not in NO_ANNOTATORS]


def read_votes(round_name: str, classes: Sequence[str]) -> pd.DataFrame:
    """Return all votes of a round: the columns of VOTES, and `annotator`."""
    faces = set(read_queue(round_name)["asked_id"])
    tables = [read_vote_file(path, faces, classes) for path in annotator_files(round_name)]
    return stacked(tables, {**VOTES, "annotator": "str"})


def read_vote_file(path: Path, faces: set[str], classes: Sequence[str]) -> pd.DataFrame:
    """Return one person's votes of one round: the columns of VOTES, and `annotator`.

    CRLF, a byte-order mark, blank rows and a spreadsheet's trailing commas do no harm.

    Raises:
        FaceloopError: with file and row: a column is missing, a label is no class, a face is not in
            the round's queue, or one face has two different labels.
    """
    check_annotator(path.stem, path)
    is_here(path)
    votes: dict[str, dict[str, str]] = {}
    rows: dict[str, int] = {}
    for row, vote in read_rows(path, REQUIRED_OF_A_VOTE):
        _check_vote(vote, path, row, faces, classes)
        before = votes.setdefault(vote["face_id"], vote)
        rows.setdefault(vote["face_id"], row)
        if before["label"] != vote["label"]:
            raise FaceloopError(
                f"{path}:{row}: face {vote['face_id']} is {vote['label']!r} here and "
                f"{before['label']!r} in row {rows[vote['face_id']]}; keep the right row of the two"
            )
    named = [{**vote, "asked_id": asked_id} for asked_id, vote in votes.items()]
    table = as_table(named, dict.fromkeys(VOTES, "str"))
    told = table["seconds"].replace("", None)
    table["seconds"] = pd.to_numeric(told, "coerce")
    strange = told.notna() & ~table["seconds"].between(0, np.inf, inclusive="left")
    for at in np.flatnonzero(strange):
        where = f"{path}:{rows[table['asked_id'].iloc[at]]}"
        raise FaceloopError(
            f"{where}: seconds {told.iloc[at]!r}; write a number from 0 on, or nothing"
        )
    return as_table(table.fillna({"labelled_at": "", "mode": "", "note": ""}), VOTES).assign(
        annotator=path.stem
    )


def _check_vote(
    vote: dict[str, str], path: Path, row: int, faces: set[str], classes: Sequence[str]
) -> None:
    check_label(vote["label"], f"{path}:{row}", classes)
    if vote["face_id"] not in faces:
        raise FaceloopError(
            f"{path}:{row}: unknown face {vote['face_id']!r}: it is not in "
            f"{path.with_name('queue.csv')}; a spreadsheet may have bent the id "
            "(keep that column as text)"
        )


def check_label(label: str, where: str, classes: Sequence[str]) -> None:
    """Refuse a label that people are not offered.

    Raises:
        FaceloopError: with what is allowed.
    """
    allowed = [*classes, UNSURE, NOT_A_FACE]
    if label not in allowed:
        raise FaceloopError(f"{where}: unknown class {label!r}; allowed: {', '.join(allowed)}")


def check_annotator(name: str, where: object = "--as") -> None:
    """Refuse a name that cannot be a vote file's.

    Raises:
        FaceloopError: with what is allowed.
    """
    try:
        check_person(name)
    except ValueError as error:
        raise FaceloopError(f"{where}: {name!r} cannot be an annotator's name; {error}") from error


def check_writer(name: str) -> None:
    """Refuse a name that cannot be a vote file's, or is another's but for capitals.

    Raises:
        FaceloopError: with what is allowed.
    """
    check_annotator(name)
    try:
        check_spelling([name], {path.stem for path in LABELS_DIR.glob("*/*.csv")})
    except ValueError as error:
        raise FaceloopError(f"--as: {error}") from error


def read_rows(path: Path, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return a hand-made CSV's rows with their line numbers; blank rows are passed over.

    Raises:
        FaceloopError: no UTF-8, a required column is missing, or a row has cells beyond the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(_lines(path, file), strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header, required)
            named = [(place, name) for place, name in enumerate(header) if name]
            rows = []
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) <= max(header.index(name) for name in required) or any(
                    cell.strip() for cell in cells[len(header) :]
                ):
                    raise FaceloopError(
                        f"{path}:{reader.line_num}: {len(cells)} cells under {len(header)} columns"
                    )
                found = {name: cells[at].strip() for at, name in named if at < len(cells)}
                rows.append((reader.line_num, found))
            return rows
    except FileNotFoundError as error:
        raise FaceloopError(f"{path} is not here: name a CSV that is") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FaceloopError(f"{path}: {error}; save it as CSV, comma-separated, UTF-8") from error


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """Yield a file's lines, never more of one than a row can need.

    Raises:
        FaceloopError: with the row: a line is too long, as of a file that is no CSV.
    """
    row = 0
    while line := file.readline(LONGEST_LINE):
        row += 1
        if len(line) == LONGEST_LINE:
            raise FaceloopError(
                f"{path}:{row}: a line of {LONGEST_LINE:,} characters or more is no row of labels; "
                "restore the file with git"
            )
        yield line


def _check_header(path: Path, header: list[str], required: Sequence[str]) -> None:
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        which = repr(twice[0]) if twice[0] in required else header.index(twice[0]) + 1
        raise FaceloopError(f"{path}:1: column {which} stands twice; keep one of them")
    missing = [name for name in required if name not in header]
    if missing:
        hint = "; save it comma-separated" if ";" in "".join(header) else ""
        raise FaceloopError(f"{path}:1: column {missing[0]!r} is missing{hint}")


def with_votes(
    round_name: str, annotator: str, votes: pd.DataFrame, classes: Sequence[str]
) -> pd.DataFrame:
    """Return a person's votes of a round with `votes` added, sorted by face; nothing is written.

    Raises:
        FaceloopError: their file holds another label for a face, or cannot be read.
    """
    check_writer(annotator)
    path = votes_path(round_name, annotator)
    new = as_table(votes, VOTES)
    if is_here(path):
        faces = set(read_queue(round_name)["asked_id"])
        old = as_table(read_vote_file(path, faces, classes), VOTES)
        both = old.merge(new, on="asked_id", suffixes=("_old", "_new"))
        clash = both[both["label_old"] != both["label_new"]]
        if len(clash):
            face = clash.iloc[0]
            raise FaceloopError(
                f"{path}: face {face['asked_id']} is {face['label_old']!r} there and "
                f"{face['label_new']!r} now; correct the file by hand, or choose another --as name"
            )
        new = pd.concat([old, new[~new["asked_id"].isin(old["asked_id"])]])
    return new.drop_duplicates("asked_id").sort_values("asked_id", ignore_index=True)


def write_votes(round_name: str, annotator: str, votes: pd.DataFrame) -> None:
    """Write a person's votes of a round, whole or not at all; a column of notes if there is one."""
    table = as_table(votes, VOTES).fillna({"note": ""})
    shown = table if table["note"].any() else table.drop(columns="note")
    write_csv(as_on_disk(shown), votes_path(round_name, annotator))


def votes_path(round_name: str, annotator: str) -> Path:
    """Return where a person's votes of a round lie: one writer a file."""
    return LABELS_DIR / round_name / f"{annotator}.csv"
