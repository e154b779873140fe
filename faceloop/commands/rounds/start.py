"""`faceloop start`: from the demo to a project of one's own."""

import argparse
import shutil
from pathlib import Path
from typing import Any

from faceloop.base.errors import FaceloopError
from faceloop.base.rounds import PRIOR, SEED_ROUND
from faceloop.base.storage import (
    DUPLICATES_DIR,
    EMBEDDINGS_DIR,
    FACES_DIR,
    LABELLED_DIR,
    METRICS_DIR,
    QUEUE_DIR,
)
from faceloop.commands.rounds.edit_params import edit_params
from faceloop.commands.settings import read_settings
from faceloop.faces.media import RAW_DIR
from faceloop.labels.vote_files import LABELS_DIR, annotator_files
from faceloop.pool.reading import JURY_DIR

DEMO = "demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the classes."""
    parser.add_argument(
        "--classes",
        nargs="+",
        required=True,
        metavar="CLASS",
        help="what people choose from; unsure and not_a_face come by themselves",
    )


def run(arguments: argparse.Namespace) -> int:
    """Take the demo's batch, labels, rounds and figures away and set the classes.

    Raises:
        FaceloopError: this is no demo any more, people have voted, or a class name is bad; nothing
            is changed then.
    """
    settings = read_settings()
    rounds = [path for path in sorted(LABELS_DIR.glob("o*-i*")) if path.is_dir()]
    if settings.batches != [DEMO]:
        raise FaceloopError(f"batches are {settings.batches}: this is a project of its own already")
    for name in rounds:
        for path in annotator_files(name.name):
            if not path.stem.startswith("truth"):
                raise FaceloopError(f"{path} holds a person's labels: move it away if it may go")

    def reset(params: Any) -> None:
        params["classes"] = arguments.classes
        params["batches"] = []
        params["rounds"] |= {
            "accepted": PRIOR,
            "candidate": SEED_ROUND,
            "rejected": [],
            "without_gain": 0,
        }

    edit_params(reset)
    made = (DUPLICATES_DIR, EMBEDDINGS_DIR, FACES_DIR, JURY_DIR, LABELLED_DIR, QUEUE_DIR)
    for folder in (RAW_DIR / DEMO, *rounds, *made, METRICS_DIR):
        shutil.rmtree(folder, ignore_errors=True)
    for path in (RAW_DIR / f"{DEMO}.truth.csv", Path("dvc.lock"), *Path("models").glob("*.*")):
        path.unlink(missing_ok=True)
    print(f"start: classes {', '.join(arguments.classes)}; no batch, no label")
    print("then: put photos and videos in data/raw/NAME/, and: faceloop next --batch NAME")
    return 0
