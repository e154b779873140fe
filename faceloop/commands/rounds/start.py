"""`faceloop start`: from the demo to a project of one's own."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from faceloop.base.errors import FaceloopError
from faceloop.base.params import PARAMS
from faceloop.base.rounds import PRIOR, SEED_ROUND
from faceloop.base.storage import (
    DUPLICATES_DIR,
    EMBEDDINGS_DIR,
    FACES_DIR,
    LABELLED_DIR,
    METRICS_DIR,
    QUEUE_DIR,
)
from faceloop.commands.journal import sole_writer, together
from faceloop.commands.repository.lock import LOCK
from faceloop.commands.rounds.edit_params import edit_params
from faceloop.commands.settings import read_settings
from faceloop.faces.batch_files import RAW_DIR
from faceloop.labels.vote_files import LABELS_DIR, annotator_files
from faceloop.pool.features import NEIGHBOURS_DIR, PREDICTED_DIR
from faceloop.pool.reading import JURY_DIR

DEMO = "demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the classes."""
    add_classes(parser)


def add_classes(parser: argparse.ArgumentParser) -> None:
    """Take the classes, as every command does that begins a project."""
    parser.add_argument(
        "--classes",
        nargs="+",
        required=True,
        metavar="CLASS",
        help="what people choose from; unsure and not_a_face come by themselves",
    )


@sole_writer("start")
def run(arguments: argparse.Namespace) -> int:
    """Take the demo's batch, labels, rounds and figures away and set the classes.

    Raises:
        FaceloopError: this is no demo any more, people have voted, or a class name is bad; nothing
            is changed then.
    """
    settings = read_settings()
    rounds = [path for path in sorted(LABELS_DIR.glob("o*-i*")) if path.is_dir()]
    if settings.batches not in ([DEMO], []):  # none: after a start, which may be corrected
        raise FaceloopError(
            f"batches are {settings.batches}: this is a project of its own already; to name other "
            f"classes, change them in {PARAMS}, then 'dvc repro'"
        )
    for name in rounds:
        for path in annotator_files(name.name):
            if not path.stem.startswith("truth"):
                raise FaceloopError(f"{path} holds a person's labels: move it away if it may go")
    made = [FACES_DIR, EMBEDDINGS_DIR, NEIGHBOURS_DIR, DUPLICATES_DIR, JURY_DIR]
    made += [LABELLED_DIR, PREDICTED_DIR, QUEUE_DIR]
    files = (RAW_DIR / f"{DEMO}.truth.csv", LOCK, *Path("models").glob("*.*"))
    with together() as changes:
        reset_params(arguments.classes)
        for path in (RAW_DIR / DEMO, *rounds, *made, METRICS_DIR, *files):
            changes.remove(path)
    print(f"start: classes {', '.join(arguments.classes)}; no batch, no label")
    print("then: put photos and videos in data/raw/NAME/, and: faceloop next --batch NAME")
    return 0


def reset_params(classes: Sequence[str]) -> None:
    """Set params.yaml to some classes, no batch and no round.

    Raises:
        FaceloopError: a class name is bad; nothing is changed then.
    """
    edit_params(
        {
            "classes": list(classes),
            "batches": [],
            "rounds.accepted": PRIOR,
            "rounds.candidate": SEED_ROUND,
            "rounds.rejected": [],
            "rounds.without_gain": 0,
        }
    )
