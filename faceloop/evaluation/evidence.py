"""What the two eval stages read and write."""

from typing import Any

import numpy as np
import pandas as pd

from faceloop.base.blocks import Loop
from faceloop.base.errors import FaceloopError
from faceloop.base.storage import (
    LABELLED_DIR,
    METRICS_DIR,
    PLOTS_DIR,
    read_csv,
    write_csv,
    write_figures,
)
from faceloop.evaluation.held_out import HeldOut, WholeBatch
from faceloop.model.head import class_codes, p_columns
from faceloop.model.head_files import MODELS_DIR, read_head, read_out_of_fold
from faceloop.pool.features import read_features
from faceloop.pool.labelled import LABELLED
from faceloop.pool.reading import read_pool


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
        trained = table[table["split"] == "train"]
        if faces["face_id"].isin(trained["face_id"]).any() or (
            faces["group"].isin(trained["group"]).any()
        ):
            raise FaceloopError(
                f"data/labelled/{rounds[name]}.csv trains on a {split} face, or beside one in its "
                "photo or track: run 'dvc repro'"
            )
    heads = {name: read_head(MODELS_DIR / f"{of}.safetensors") for name, of in rounds.items()}
    drawn, strata = faces["inclusion_probability"].to_numpy(), faces["cluster"]
    # The over-fitting set is no random draw, and an imported round tells no probability.
    at_random = split == "validation" and len(drawn) > 0 and not np.isnan(drawn).any()
    return HeldOut(
        truth=class_codes(faces["label"], settings.classes),
        groups=faces["group"].to_numpy(),
        features=read_features(faces, settings.batches),
        accepted=heads["accepted"],
        candidate=heads["candidate"],
        weights=(1 / drawn) / np.mean(1 / drawn) if at_random else None,
        strata=strata.to_numpy(dtype=np.int64) if at_random and strata.notna().all() else None,
    )


def read_whole_batch(settings: Loop) -> WholeBatch:
    """Return the pool's batch: what was labelled before this round, and how many faces are left.

    Raises:
        FaceloopError: there is no batch yet, or a table is missing or of other faces.
    """
    candidate = settings.rounds.candidate
    faces, embeddings, labelled = read_pool(settings)
    ours = labelled[labelled["batch"] == settings.pool]
    before = ours[ours["round"] != candidate]
    # A label of a copy is its original's, which stands for both.
    original = faces["duplicate_of"].fillna(faces["face_id"])
    asked_about, asked_before = (
        original[faces["face_id"].isin(some["face_id"])] for some in (ours, before)
    )
    asked = ours[(ours["round"] == candidate) & (ours["purpose"] == "validation")]
    usable = float(asked["label"].isin(settings.classes).mean()) if len(asked) else 0.0
    known = before[before["label"].isin(settings.classes)]
    columns = p_columns(settings.classes)
    held_out = read_out_of_fold(candidate)
    held_out = held_out[held_out["batch"] == settings.pool].set_index("face_id")[columns]
    return WholeBatch(
        truth=class_codes(known["label"], settings.classes),
        features=read_features(known, settings.batches),
        out_of_fold=held_out.reindex(known["face_id"]).to_numpy(dtype=np.float64),
        trained=(known["split"] == "train").to_numpy(),
        rest=(int(faces["duplicate_of"].isna().sum()) - asked_before.nunique()) * usable,
        embeddings=embeddings,
        unlabelled=(faces["duplicate_of"].isna() & ~faces["face_id"].isin(asked_about)).to_numpy(),
    )


def write_evaluation(name: str, figures: dict[str, Any], plots: dict[str, pd.DataFrame]) -> None:
    """Write `metrics/<name>.json` and `metrics/plots/<name>_<plot>.csv`, and say the result."""
    write_figures(figures, METRICS_DIR / f"{name}.json")
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
