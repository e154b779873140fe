"""What changed since an earlier commit: params, labels, votes, figures and data."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from faceloop.base.links import is_here
from faceloop.base.params import load_yaml
from faceloop.base.storage import METRICS_DIR
from faceloop.commands.report.revisions import list_at, read_at
from faceloop.labels.vote_files import LABELS_DIR

COUNTED = ("by_class", "unsure", "not_a_face", "unresolved")


class Change(NamedTuple):
    """One value, then and now; None where it did not stand or stands no more."""

    key: str
    before: Any
    after: Any


class VoteChange(NamedTuple):
    """How many rows of one vote file came, changed their label, or went."""

    path: str
    added: int
    changed: int
    removed: int


class Changes(NamedTuple):
    """Everything that differs between a commit and the working tree."""

    base: str
    params: list[Change]
    labels: list[Change]
    votes: list[VoteChange]
    metrics: list[Change]
    data: list[str]


def changes_since(commit: str, base: str) -> Changes:
    """Compare the working tree with a commit; `base` is what people call it."""
    metrics = {
        path.stem: [flat(parsed(one)) for one in then_and_now(commit, path.as_posix())]
        for path in sorted(METRICS_DIR.glob("*.json"))
    }
    labels = metrics.pop("labels", [{}, {}])
    return Changes(
        base,
        differences(*(flat(load_yaml(text)) for text in then_and_now(commit, "params.yaml"))),
        differences(*({k: v for k, v in one.items() if k.startswith(COUNTED)} for one in labels)),
        vote_changes(commit),
        [
            change._replace(key=f"{name}: {change.key}")
            for name, both in metrics.items()
            for change in differences(*both)
            if is_headline(change)
        ],
        changed_outs(
            *(hashes_of_outs(load_yaml(text)) for text in then_and_now(commit, "dvc.lock"))
        ),
    )


def then_and_now(commit: str, path: str) -> tuple[bytes, bytes]:
    """Return a file's bytes at the commit and in the working tree; nothing where it is missing."""
    here = Path(path)
    return read_at(commit, path) or b"", here.read_bytes() if is_here(here) else b""


def parsed(content: bytes) -> Any:
    """Return JSON's content; None where there is no file."""
    return json.loads(content) if content else None


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as dotted key -> value."""
    if not isinstance(tree, Mapping):
        return {prefix: tree} if prefix else {}
    found: dict[str, Any] = {}
    for key, inner in tree.items():
        found |= flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return the keys whose values differ, in the order of their first appearance."""
    return [
        Change(key, before.get(key), after.get(key))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


def is_headline(change: Change) -> bool:
    """Whether a changed figure is one to read first: a model's own, or a verdict's."""
    parts = change.key.split(".")
    return parts[0] in ("verdict", "labels", "pool_left", "n") or (
        parts[0] == "candidate" and parts[-1] == "value"
    )


def vote_changes(commit: str) -> list[VoteChange]:
    """Count what people added, changed and removed in each label file but queues and reserves."""
    here = {path.as_posix() for path in LABELS_DIR.glob("*/*.csv")}
    found = []
    for path in sorted(here | {name for name in list_at(commit, LABELS_DIR.as_posix())}):
        if not path.endswith(".csv") or path.endswith(("/queue.csv", "/reserve.csv")):
            continue
        before, after = (labels_in(content) for content in then_and_now(commit, path))
        both = before.keys() & after.keys()
        counts = (
            len(after.keys() - before.keys()),
            sum(before[face] != after[face] for face in both),
            len(before.keys() - after.keys()),
        )
        if any(counts):
            found.append(VoteChange(path, *counts))
    return found


def labels_in(content: bytes) -> dict[str, str]:
    """Return the label of each face of a vote file's bytes; a later row stands."""
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    return {row["face_id"]: row["label"] for row in rows}


def hashes_of_outs(lock: Any) -> dict[str, str]:
    """Return the hash of each output that dvc.lock names."""
    stages = (lock or {}).get("stages", {}).values()
    return {out["path"]: out.get("md5", "") for stage in stages for out in stage.get("outs", [])}


def changed_outs(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Name the data files that are new, changed or gone; figures have their own table."""
    words = {True: "gone", False: "changed"}
    return [
        f"{change.key}: {'new' if change.before is None else words[change.after is None]}"
        for change in differences(before, after)
        if change.key.startswith(("data/", "models/"))
    ]
