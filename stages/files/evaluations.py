"""What the two eval stages read and write."""

from typing import Any

import numpy as np
import pandas as pd

from stages.core.errors import FaceloopError
from stages.core.records import LABELLED, HeldOut
from stages.core.settings import Settings
from stages.files.heads import MODELS_DIR, read_head
from stages.files.tables import (
    LABELLED_DIR,
    METRICS_DIR,
    PLOTS_DIR,
    embedding_width,
    read_csv,
    read_features,
    write_csv,
    write_json,
)


def read_held_out(split: str, settings: Settings) -> HeldOut:
    """Return the candidate round's faces of a split, `overfit` or `validation`, and both models.

    Raises:
        FaceloopError: a model was trained on one of the faces: its figures would be worth nothing.
    """
    rounds = {name: getattr(settings.rounds, name) for name in ("accepted", "candidate")}
    tables = {name: read_csv(LABELLED_DIR / f"{of}.csv", LABELLED) for name, of in rounds.items()}
    candidate = tables["candidate"]
    faces = candidate[candidate["split"] == split]
    for name, table in tables.items():
        trained = table.loc[table["split"] == "train", "face_id"]
        if faces["face_id"].isin(trained).any():
            raise FaceloopError(
                f"data/labelled/{rounds[name]}.csv trains on a {split} face: run 'dvc repro'"
            )
    heads = {name: read_head(MODELS_DIR / f"{of}.safetensors") for name, of in rounds.items()}
    return HeldOut(
        truth=faces["label"].map(settings.classes.index).to_numpy(dtype=np.int64),
        groups=faces["group"].to_numpy(),
        features=read_features(faces, embedding_width(settings.batches)),
        **heads,
    )


def write_evaluation(name: str, figures: dict[str, Any], plots: dict[str, pd.DataFrame]) -> None:
    """Write `metrics/<name>.json` and `metrics/plots/<name>_<plot>.csv`, and say the result."""
    write_json(figures, METRICS_DIR / f"{name}.json")
    for plot, points in plots.items():
        write_csv(points, PLOTS_DIR / f"{name}_{plot}.csv")
    if figures["n"] == 0:
        print(f"eval_{name}: no face to judge on")
        return
    shown = (
        f"{metric} {figures['accepted'][metric]['value']:.3f} -> "
        f"{figures['candidate'][metric]['value']:.3f}"
        for metric in figures["delta"]
    )
    print(f"eval_{name}: {figures['n']} faces in {figures['groups']} groups; {', '.join(shown)}")
