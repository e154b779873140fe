"""A folder per class: crops that people sorted, or photos that were sorted long ago."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from faceloop.base.code import sha256_of
from faceloop.base.storage import FACES_DIR, read_csv
from faceloop.commands.exchange.said import GivenLabel, LabelFile
from faceloop.faces.batch_files import RAW_DIR
from faceloop.faces.face import REJECTED
from faceloop.faces.media import PHOTO_SUFFIXES
from faceloop.labels.columns import NOT_A_FACE, UNSURE
from faceloop.labels.vote_files import check_label

REJECTED_CSV = ".rejected.csv"
NOT_FOUND = "no face was found in it, or it is in no batch"


def write_folders(folder: Path, crops: Mapping[str, bytes], classes: Sequence[str]) -> str:
    """Write crops as `<face_id>.jpg` beside an empty folder per class; return what to do next."""
    for name in [*classes, UNSURE, NOT_A_FACE]:
        (folder / name).mkdir(parents=True)
    write_files(folder, crops)
    return f"move each into its class's folder there; faceloop import {folder} --as YOUR-NAME"


def write_files(folder: Path, crops: Mapping[str, bytes]) -> None:
    """Write crops as `<face_id>.jpg`."""
    folder.mkdir(parents=True, exist_ok=True)
    for face_id, jpeg in tqdm(crops.items(), "export", unit="crop", disable=None):
        (folder / f"{face_id}.jpg").write_bytes(jpeg)


def read_folders(
    folder: Path, faces: pd.DataFrame, known: frozenset[str], classes: Sequence[str]
) -> LabelFile:
    """Read a folder per class: exported crops by name, photos by their bytes.

    Photos are passed over for holding no face, or several, with the reason; a table tells how many
    of each class.

    Raises:
        FaceloopError: a folder that is no class.
    """
    originals = faces[faces["duplicate_of"].isna()]
    by_bytes = originals.groupby("source_sha256")["face_id"].agg(list).to_dict()
    said, passed_over, reasons = [], [], reasons_by_path()
    outcomes: dict[str, Counter[str]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix.lower() not in PHOTO_SUFFIXES:
            continue
        label = path.relative_to(folder).parts[0]
        if path.parent == folder:
            continue  # a crop that nobody has sorted yet
        check_label(label, path.as_posix(), classes)
        found = [path.stem] if path.stem in known else by_bytes.get(sha256_of(path), [])
        why = ""
        if len(found) == 1:
            said.append(GivenLabel(path.as_posix(), found[0], label))
        elif found:
            why = "several faces"
            passed_over.append(f"passed over: {path}: {len(found)} faces; label them in the queue")
        else:
            why = reasons.get(path.resolve(), NOT_FOUND)
            passed_over.append(f"passed over: {path}: {why}")
        outcomes.setdefault(label, Counter())[why.partition(":")[0]] += 1
    return LabelFile(said, passed_over, table=table_of(outcomes) if outcomes else ())


def reasons_by_path() -> dict[Path, str]:
    """Return why files of data/raw gave no face, as extract_faces says."""
    reasons: dict[Path, str] = {}
    for path in sorted(FACES_DIR.glob(f"*{REJECTED_CSV}")):
        home = (RAW_DIR / path.name.removesuffix(REJECTED_CSV)).resolve()
        table = read_csv(path, REJECTED)
        for source, reason in zip(table["source"], table["reason"], strict=True):
            reasons[home / source] = reason
    return reasons


def table_of(outcomes: Mapping[str, Counter[str]]) -> tuple[str, ...]:
    """Return, by class, how many pictures gave a face, and why the others gave none, as lines."""
    rows = []
    for label, counts in outcomes.items():
        pictures, lost = counts.total(), Counter({why: n for why, n in counts.items() if why})
        rows.append(
            {
                "class": label,
                "pictures": pictures,
                "faces": counts[""],
                "lost": f"{lost.total() / pictures:.0%}",
                "why": ", ".join(f"{n} x {why}" for why, n in lost.most_common()),
            }
        )
    return tuple(line.rstrip() for line in pd.DataFrame(rows).to_string(index=False).splitlines())
