"""`faceloop export`: the queue's crops, for labelling by sorting files or in other software."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.randomness import order_key
from faceloop.commands.exchange.cvat import write_cvat
from faceloop.commands.exchange.folders import write_folders
from faceloop.commands.exchange.label_studio_tasks import Prediction, write_label_studio
from faceloop.commands.labelling.page.session import labels_with_keys
from faceloop.commands.repository.outside import refuse_inside_project
from faceloop.commands.rounds.state import State, read_state
from faceloop.crops.packs import read_crops
from faceloop.labels.assignment import asked_of
from faceloop.labels.vote_files import check_annotator
from faceloop.model.head import predict
from faceloop.model.head_files import MODELS_DIR, read_head
from faceloop.pool.features import read_features

FORMATS = ("folders", "label-studio", "cvat")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the folder to write to, and for what software."""
    parser.add_argument("folder", type=Path, help="where to write; it must not be there yet")
    parser.add_argument("--to", choices=FORMATS, default="folders", help="default: folders")
    parser.add_argument(
        "--as",
        dest="annotator",
        metavar="NAME",
        help="only what this person is asked and has not answered; default: all that lack a vote",
    )
    parser.add_argument(
        "--images",
        choices=("embedded", "files"),
        default="embedded",
        help="for label-studio: pictures in tasks.json (default), or beside it, for big queues",
    )
    parser.add_argument(
        "--predictions",
        action="store_true",
        help="for label-studio: show the model's answer, which bends people's; labels in a "
        "validation set made like that measure nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write unanswered crops, in an order by chance, as the other software takes them.

    Nothing tells validation from training faces, nor, unless asked, what the model thinks.

    Raises:
        FaceloopError: the folder is there or inside the project, no face waits, an option is not
            for this format, or no model is here to predict.
    """
    state, folder = read_state(), arguments.folder
    check_folder(folder)
    embed = arguments.images == "embedded"
    if arguments.to != "label-studio" and (arguments.predictions or not embed):
        raise FaceloopError("--images and --predictions go with --to label-studio alone")
    waiting = waiting_for(arguments.annotator, state)
    if waiting.empty:
        raise FaceloopError("no face waits for a label: 'faceloop status' tells what does")
    crops = shuffled_crops(waiting, state)
    classes = state.settings.classes
    if arguments.to == "label-studio":
        predictions = predicted(waiting, state) if arguments.predictions else {}
        labels = labels_with_keys(classes, state.settings.label.keys)
        then = write_label_studio(folder, crops, labels, embed, predictions)
    elif arguments.to == "cvat":
        then = write_cvat(folder, crops, classes)
    else:
        then = write_folders(folder, crops, classes)
    print(f"export: {len(waiting)} crops in {folder}/")
    if arguments.predictions:
        print(
            "- NOT BLIND: people will see what the model thinks, and lean to it; figures on a "
            "validation set labelled like this flatter the model"
        )
    print(f"then: {then}")
    return 0


def waiting_for(name: str | None, state: State) -> pd.DataFrame:
    """Return the queue's faces that lack a vote: anybody's, or this person's.

    Raises:
        FaceloopError: nobody can have that name.
    """
    waiting = state.queue[state.queue["asked_id"].isin(state.unanswered)]
    if name is None:
        return waiting
    check_annotator(name)
    voted = state.votes.loc[state.votes["annotator"] == name, "asked_id"]
    return waiting[asked_of(waiting, name) & ~waiting["asked_id"].isin(voted)]


def check_folder(folder: Path) -> None:
    """Refuse a folder that is there, or in the project.

    Raises:
        FaceloopError: with another to name.
    """
    refuse_inside_project(folder, "../to-label")
    if folder.exists():
        raise FaceloopError(f"{folder} is there already: name a new folder")


def shuffled_crops(waiting: pd.DataFrame, state: State) -> dict[str, bytes]:
    """Return the faces' crops by id, in a seeded order that tells no purpose."""
    crops: dict[str, bytes] = {}
    for batch, faces in waiting.groupby("batch", sort=True):
        ids = faces["asked_id"].tolist()
        crops |= zip(ids, read_crops(str(batch), ids), strict=True)
    seed, name = state.settings.seed, state.candidate
    order = sorted(crops, key=lambda face_id: order_key(seed, "export", name, face_id))
    return {face_id: crops[face_id] for face_id in order}


def predicted(waiting: pd.DataFrame, state: State) -> dict[str, Prediction]:
    """Return the candidate model's likeliest class of each face, and its probability.

    Raises:
        FaceloopError: the model is not here, is of other classes or embeddings, or knows nothing.
    """
    path, classes = MODELS_DIR / f"{state.candidate}.safetensors", state.settings.classes
    head, faces = read_head(path), waiting.assign(face_id=waiting["asked_id"])
    features = read_features(faces, state.settings.batches)
    if list(head.classes) != classes or len(head.weight) != features.shape[1]:
        raise FaceloopError(f"{path} is of other classes or embeddings: run 'dvc repro'")
    p = predict(head, features)
    if np.ptp(p) == 0:
        raise FaceloopError(f"{path} has seen no label yet: there is nothing to predict with")
    best = p.argmax(axis=1)
    return {
        face_id: (classes[at], float(row[at]))
        for face_id, at, row in zip(waiting["asked_id"], best, p, strict=True)
    }
