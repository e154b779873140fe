"""What earlier commits say in labels/ must still be said: votes are added, never bent."""

import csv
import io
import re
from collections import Counter
from pathlib import Path

from faceloop.base.errors import FaceloopError
from faceloop.base.links import is_here
from faceloop.base.params import load_yaml
from faceloop.base.rounds import order_of
from faceloop.commands.repository.git import asks_git, round_tags, run_git
from faceloop.labels.params import NO_ANNOTATORS, TRUTH
from faceloop.labels.vote_files import LABELS_DIR, queue_path

MAY_CHANGE = ("annotators", "inclusion_probability")
MAIN = ("origin/main", "origin/master", "main", "master")


def changed_label_files(base: str | None) -> list[str]:
    """Return the label files that bend what they said at `base`, each with its remedy.

    A round that only a truth table voted on may go as a whole: nobody's labels are lost with it.

    Args:
        base: a revision; the branch point from it is what counts. None: from the main branch.

    Raises:
        FaceloopError: `base` is not known here.
    """
    start = start_of(branch_point(base))
    params = load_yaml(run_git("show", f"{start}:params.yaml"))
    opened = order_of(params["rounds"]["candidate"])
    findings = []
    listed = run_git("ls-tree", "-rz", "--name-only", start, "labels").split("\0")
    files = [path for path in map(Path, listed) if path.suffix == ".csv"]
    demos = {path.parent for path in files if path.stem.startswith(TRUTH)}
    demos -= {path.parent for path in files if is_persons(path)}
    for path in files:
        if path.parent in demos:  # `faceloop start` takes them away
            continue
        before = run_git("show", f"{start}:{path.as_posix()}")
        now = path.read_text(encoding="utf-8", errors="replace") if is_here(path) else ""
        name = path.parent.name
        what = bent(before, now, path, order_of(name) >= opened and not was_finished(name, start))
        if what:
            findings.append(
                f"{path}: {what} since {start[:10]}: git restore --source {start[:10]} {path}; "
                "a correction is a new file beside it"
            )
    return findings


def is_persons(path: Path) -> bool:
    """Tell whether a label file holds a person's votes, and not those of a truth table."""
    return path.stem not in NO_ANNOTATORS and not path.stem.startswith(TRUTH)


def bent(before: str, now: str, path: Path, is_open: bool) -> str:
    """Say how a label file bends what it said before; "" where it does not.

    A queue keeps its rows, and once its round is over gets no more; until then a row may be dealt
    to another person, and an extension changes the inclusion probabilities. Votes of a round that
    is over keep their rows; those of the open round may still be corrected.
    """
    is_queue = path == queue_path(path.parent.name)
    if is_open and not is_queue:
        return ""
    read = faces_of if is_queue and is_open else rows_of
    old, new = Counter(read(before)), Counter(read(now))
    if lost := (old - new).total():
        return f"{lost} rows are changed or gone"
    if is_queue and not is_open and (added := (new - old).total()):
        return f"{added} faces were added to a queue that is over"
    return ""


def rows_of(text: str) -> list[str]:
    """Return a CSV's rows; line ends, blank rows and trailing commas count for nothing.

    Nor does a column of notes that the file did not have before: a person's first note adds it.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    rows = [re.sub(r",mode,note$", ",mode", line.rstrip(", \t")) for line in lines]
    return [row for row in rows if row]


def faces_of(text: str) -> list[str]:
    """Return what a queue's rows say of their faces, whoever is asked."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    return [repr([row[name] for name in row if name not in MAY_CHANGE]) for row in rows]


def branch_point(base: str | None) -> str:
    """Return the commit where this branch left `base`, or the main branch.

    On the main branch itself, that of the last finished round.

    Raises:
        FaceloopError: there is none.
    """
    known = [name for name in (base,) if name] or [
        name for name in MAIN if asks_git("rev-parse", "--verify", "--quiet", name)
    ]
    if not known:
        raise FaceloopError("no main branch to compare labels with: name one with --base REV")
    try:
        point = run_git("merge-base", known[0], "HEAD").strip()
    except FaceloopError as error:
        raise FaceloopError(
            f"--base {known[0]}: not in this clone: git fetch --unshallow"
        ) from error
    last_round = ("describe", "--tags", "--abbrev=0", "--match", "o[0-9]*")
    if base is None and point == run_git("rev-parse", "HEAD").strip() and asks_git(*last_round):
        return run_git(*last_round).strip()
    return point


def start_of(base: str) -> str:
    """Return the commit or tree to compare with: `base`, or the last roll-back since.

    A roll-back gives labels/ just what it was at a round's tag, and something else before.
    """
    tags = {tag: held(tag, LABELS_DIR) for tag in round_tags()}
    since = run_git("rev-list", "--first-parent", f"{base}..HEAD").split()
    steps = [(run_git("write-tree").strip(), "HEAD"), *((one, f"{one}^") for one in since)]
    for now, before in steps:
        labels = held(now, LABELS_DIR)
        if labels != held(before, LABELS_DIR) and any(
            labels == tagged and asks_git("merge-base", "--is-ancestor", tag, before)
            for tag, tagged in tags.items()
        ):
            return now
    return base


def was_finished(name: str, revision: str) -> bool:
    """Tell whether a round of that name, with that queue, was finished; a later one may be open."""
    path = queue_path(name)
    tags = [tag for tag in round_tags() if tag.partition(".")[0] == name]
    return any(held(tag, path) == held(revision, path) for tag in tags)


def held(revision: str, path: Path) -> str:
    """Return the id of what a revision holds at a path; "" where it holds nothing."""
    name = f"{revision}:{path.as_posix()}"
    return run_git("rev-parse", name).strip() if asks_git("cat-file", "-e", name) else ""
