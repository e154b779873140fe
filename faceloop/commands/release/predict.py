"""`faceloop predict`: class shares of the faces in new photos and videos, by a release's model."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from faceloop.balance.balance_figures import Shares
from faceloop.balance.class_shares import (
    Unlabelled,
    share_estimates,
    shares_as_predicted,
    unmixed,
)
from faceloop.base.errors import FaceloopError
from faceloop.base.randomness import generator
from faceloop.base.records import Record, RoundRecord
from faceloop.base.storage import write_csv
from faceloop.commands.release.new_faces import Classifier, list_files
from faceloop.commands.release.released_model import LEAST_OF_A_CLASS, ReleasedModel, read_release
from faceloop.commands.repository.outside import refuse_inside_project
from faceloop.model.head import p_columns
from faceloop.statistics.estimates import Estimate
from faceloop.statistics.figure_files import write_record

# Below, intervals may be wider than 0.36, and shares tell more of these people than of a source.
LEAST_FACES = 30
CONFIDENCE = 0.95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to look at, and with which model."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="photos, videos, folders"
    )
    parser.add_argument("--release", type=Path, required=True, metavar="DIR", help="the model's")
    parser.add_argument("--embedder", type=Path, metavar="FILE.onnx", help="where it lies here")
    parser.add_argument("--crops", action="store_true", help="photos are faces already")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the shares as JSON too")
    parser.add_argument(
        "--per-face", type=Path, metavar="FILE.csv", help="write each face too: personal data"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print class shares in aggregate; nothing about a single face is kept unless asked for.

    Raises:
        FaceloopError: the release or a path is not here, or a file to write is there already.
    """
    for path in (arguments.json, arguments.per_face):
        if path and path.exists():
            raise FaceloopError(f"{path} is there already: name a new file")
    if arguments.per_face:
        refuse_inside_project(arguments.per_face, "../faces.csv")
    files = list_files(arguments.paths)
    model = read_release(arguments.release, arguments.embedder)
    classifier = Classifier(model)
    faces, rejected = classifier.classify(files, arguments.crops)
    other_weights = classifier.has_other_weights
    figures = summarise_faces(faces, rejected, len(files), model, other_weights)
    print("\n".join(lines_of(figures, model)))
    if arguments.json:
        write_record(figures, arguments.json)
    if arguments.per_face:
        write_csv(per_face(faces, model), arguments.per_face)
        print(f"{arguments.per_face} tells of single faces: it is personal data, and often wrong")
    return 0


class PredictedShares(Record):
    """Class shares of predictions, and corrected for the mistakes known of them, where possible."""

    predicted: Shares
    corrected: Shares | None


class PredictFigures(RoundRecord):
    """What is said of new photos and videos, by the model of a round.

    calibration_faces: how many the correction rests on.
    left_out: how many faces and files, by reason.
    faces, screen_time: shares by class; None of fewer than LEAST_FACES.
    uncertain: the share of faces below the release's threshold; None where it has none.
    other_weights: the embedder's weights are not the release's: nothing here holds.
    """

    calibration_faces: int
    files: int
    files_with_faces: int
    left_out: dict[str, int]
    photo_faces: int
    tracks: int
    faces: PredictedShares | None
    screen_seconds: float
    screen_time: PredictedShares | None
    uncertain: float | None
    other_weights: bool


def summarise_faces(
    faces: pd.DataFrame,
    rejected: Counter[str],
    files: int,
    model: ReleasedModel,
    other_weights: bool,
) -> PredictFigures:
    """Return shares of faces and of screen time with intervals, and what they rest on.

    A face in a photo counts once, and so does a track through a video: each of its faces that is
    no near-duplicate counts its part. Screen time counts each sampled frame of a track.
    """
    distinct = faces[faces["duplicate_of"].isna()]
    in_group = distinct.groupby("group")["group"].transform("size")
    once = (1 / in_group).where(distinct["frame"].notna(), 1.0)
    on_screen = faces[faces["frame"].notna()]
    seconds = pd.Series(1 / model.extract_faces.frames_per_second, index=on_screen.index)
    photo_faces, tracks = int(distinct["frame"].isna().sum()), int(on_screen["group"].nunique())
    certain = model.about.certain
    confident = distinct[p_columns(model.head.classes)].max(axis=1)
    return PredictFigures(
        round=model.about.round,
        calibration_faces=model.about.calibration.faces,
        files=files,
        files_with_faces=int(faces["source"].nunique()),
        left_out=dict(sorted(rejected.items())),
        photo_faces=photo_faces,
        tracks=tracks,
        faces=_shares(distinct, once, photo_faces + tracks, model),
        screen_seconds=float(seconds.sum()),
        screen_time=_shares(on_screen, seconds, tracks, model),
        uncertain=float(once[confident < certain.threshold].sum() / once.sum())
        if certain and len(distinct)
        else None,
        other_weights=other_weights,
    )


def _shares(
    faces: pd.DataFrame, weights: pd.Series, n: int, model: ReleasedModel
) -> PredictedShares | None:
    if n < LEAST_FACES:
        return None
    classes = model.head.classes
    p = faces[p_columns(classes)].to_numpy(dtype=float)
    seen = Unlabelled(p, faces["group"].to_numpy(), weights.to_numpy(dtype=float))
    rng, replicates = generator(0, "predict"), len(model.calibration) - 1
    n_groups = len(np.unique(seen.groups))
    predicted = shares_as_predicted(seen, replicates, rng)
    corrected = None if model.thin else unmixed(model.calibration, seen, rng)
    return PredictedShares(
        predicted=share_estimates(predicted, classes, n_groups, CONFIDENCE),
        corrected=None
        if corrected is None
        else share_estimates(corrected, classes, n_groups, CONFIDENCE),
    )


def lines_of(figures: PredictFigures, model: ReleasedModel) -> list[str]:
    """Return what is printed."""
    n = figures.photo_faces + figures.tracks
    lines = [
        f"predict: {n} faces ({figures.photo_faces} in photos, {figures.tracks} tracks in "
        f"videos) in {figures.files_with_faces} of {figures.files} files; "
        f"model of {figures.round}"
    ]
    if figures.other_weights:
        lines.append(
            "warning: the embedder's weights here are not the release's: no figure below holds"
        )
    lines += _table("share of faces", figures.faces, n)
    if figures.tracks:
        title = f"share of {figures.screen_seconds:g} s of screen time"
        lines += _table(title, figures.screen_time, figures.tracks)
    if figures.faces:
        lines += _remarks(figures, model)
    if figures.left_out:
        counts = (f"{count} x {reason}" for reason, count in figures.left_out.items())
        lines.append(f"left out: {', '.join(counts)}")
    return lines


def _table(title: str, shares: PredictedShares | None, n: int) -> list[str]:
    if shares is None:
        return [f"{title}: too few to tell ({n}; at least {LEAST_FACES} are needed)"]
    predicted, corrected = shares.predicted, shares.corrected or {}
    width = max(len(title), *map(len, predicted))
    lines = [f"{title:<{width}}  {'as predicted':<20}  {'corrected' if corrected else ''}".rstrip()]
    for name, found in predicted.items():
        cells = (_interval(one) for one in (found, corrected.get(name)))
        lines.append(f"{name:<{width}}  {'  '.join(cells)}".rstrip())
    return lines


def _interval(found: Estimate | None) -> str:
    if found is None:
        return ""
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _remarks(figures: PredictFigures, model: ReleasedModel) -> list[str]:
    """Return what the shares rest on."""
    if model.thin:
        lines = [
            f"not corrected: of {', '.join(model.thin)} the release has fewer than "
            f"{LEAST_OF_A_CLASS} faces that were drawn at random"
        ]
    else:
        lines = [
            f"corrected for the mistakes on {figures.calibration_faces} faces drawn at random: "
            "right where each class looks as it did there"
        ]
    if figures.uncertain is not None and model.about.certain is not None:
        threshold = model.about.certain.threshold
        lines.append(f"uncertain: {figures.uncertain:.3f} of faces, below {threshold:.3f}")
    return lines


def per_face(faces: pd.DataFrame, model: ReleasedModel) -> pd.DataFrame:
    """Return a row a face: where it is, what is predicted, and whether that is certain."""
    classes, certain = np.array(model.head.classes), model.about.certain
    chances = faces[p_columns(model.head.classes)].to_numpy(dtype=float)
    least: float = certain.threshold if certain else np.inf
    return faces.assign(
        predicted=classes[chances.argmax(axis=1)],
        confidence=chances.max(axis=1),
        certain=chances.max(axis=1) >= least,
    )
