"""What the two eval stages read and write."""

import numpy as np
import pandas as pd

from faceloop.base.blocks import Loop
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import LABELLED_DIR, METRICS_DIR, PLOTS_DIR, read_csv, write_csv
from faceloop.evaluation.evaluation_figures import Comparison
from faceloop.evaluation.held_out import (
    Design,
    HeldOut,
    WholeBatch,
    design_of,
    parts_of,
    trains_beside,
)
from faceloop.model.head import class_codes, p_columns
from faceloop.model.head_files import MODELS_DIR, read_head, read_out_of_fold
from faceloop.pool.features import read_features
from faceloop.pool.labelled import LABELLED
from faceloop.pool.reading import pool_embeddings, read_pool
from faceloop.statistics.confusion import METRICS
from faceloop.statistics.figure_files import write_record


def read_held_out(split: str, settings: Loop) -> HeldOut:
    """Return the candidate round's faces of a split, `overfit` or `validation`, and both models.

    Raises:
        FaceloopError: a model was trained on one of the faces, or on another of its photo or
            track: its figures would be worth nothing.
    """
    rounds = {name: getattr(settings.rounds, name) for name in ("accepted", "candidate")}
    tables = {name: read_csv(LABELLED_DIR / f"{of}.csv", LABELLED) for name, of in rounds.items()}
    candidate = tables["candidate"]
    faces = candidate[candidate["split"] == split]
    for name, table in tables.items():
        if trains_beside(faces, table):
            raise FaceloopError(
                f"data/labelled/{rounds[name]}.csv trains on a {split} face, or beside one in its "
                "photo or track: run 'dvc repro'"
            )
    # The over-fitting set is no random draw.
    design = design_of(faces) if split == "validation" else Design()
    return HeldOut(
        truth=class_codes(faces["label"], settings.classes),
        groups=faces["group"].to_numpy(),
        features=read_features(faces, settings.batches),
        accepted=read_head(MODELS_DIR / f"{rounds['accepted']}.safetensors"),
        candidate=read_head(MODELS_DIR / f"{rounds['candidate']}.safetensors"),
        weights=design.weights,
        strata=design.strata,
    )


def read_whole_batch(settings: Loop) -> WholeBatch:
    """Return the pool's batch: what was labelled before this round, and how many faces are left.

    Raises:
        FaceloopError: there is no batch yet, or a table is missing or of other faces.
    """
    candidate, columns = settings.rounds.candidate, p_columns(settings.classes)
    faces, labelled = read_pool(settings)
    embeddings = pool_embeddings(settings, faces)
    ours = labelled[labelled["batch"] == settings.pool]
    known, of_class, unlabelled = parts_of(faces, ours, candidate, settings.classes)
    held_out = read_out_of_fold(candidate)
    held_out = held_out[held_out["batch"] == settings.pool].set_index("face_id")[columns]
    weights = 1 / known["inclusion_probability"]
    return WholeBatch(
        groups=known["group"].to_numpy(),
        weights=(weights / weights.groupby(known["round"]).transform("mean")).to_numpy(),
        strata=design_of(known).strata,
        truth=class_codes(known["label"], settings.classes),
        features=read_features(known, settings.batches),
        out_of_fold=held_out.reindex(known["face_id"]).to_numpy(dtype=np.float64),
        trained=(known["split"] == "train").to_numpy(),
        faces=of_class,
        embeddings=embeddings,
        unlabelled=unlabelled,
    )


def write_evaluation(name: str, found: Comparison, plots: dict[str, pd.DataFrame]) -> None:
    """Write `metrics/<name>.json` and `metrics/plots/<name>_<plot>.csv`, and say the result."""
    write_record(found, METRICS_DIR / f"{name}.json")
    for plot, points in plots.items():
        write_csv(points, PLOTS_DIR / f"{name}_{plot}.csv")
    if found.accepted is None or found.candidate is None:
        print(f"eval_{name}: no face to judge on")
        return
    shown = (
        f"{metric} {found.accepted[metric].value:.3f} -> {found.candidate[metric].value:.3f}"
        for metric in METRICS
    )
    print(f"eval_{name}: {found.n} faces in {found.groups} groups; {', '.join(shown)}")
