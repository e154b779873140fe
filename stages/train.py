"""Train both models: a head on each round's labelled faces."""

import pandas as pd

from faceloop.base.blocks import Loop
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.storage import (
    LABELLED_DIR,
    METRICS_DIR,
    PLOTS_DIR,
    read_csv,
    write_csv,
    write_parquet,
)
from faceloop.model.fit_head import Fit, fit_head
from faceloop.model.head import class_codes, p_columns
from faceloop.model.head_files import MODELS_DIR, write_head
from faceloop.model.params import EmbedderName, Train
from faceloop.model.train_figures import CrossValidation, TrainFigures
from faceloop.pool.features import read_features
from faceloop.pool.labelled import LABELLED
from faceloop.statistics.figure_files import write_record


class Params(Loop):
    embed: EmbedderName
    train: Train


def main() -> None:
    """Write the heads of both rounds with their out-of-fold tables, and the candidate's figures."""
    settings = read_params(Params)
    for name in (settings.rounds.accepted, settings.rounds.candidate):
        labelled = read_csv(LABELLED_DIR / f"{name}.csv", LABELLED)
        faces = labelled[labelled["split"] == "train"]
        fit = fit_round(faces, settings)
        write_head(fit.head, MODELS_DIR / f"{name}.safetensors")
        held_out = faces[["batch", "face_id", "label"]].head(len(fit.out_of_fold))  # all, or none
        p = dict(zip(p_columns(settings.classes), fit.out_of_fold.T, strict=True))
        write_parquet(held_out.assign(**p), MODELS_DIR / f"{name}.out_of_fold.parquet")
        shown = f"L2 {fit.head.l2:g}, T {fit.head.temperature:.2f}"
        print(f"train {name}: {len(faces)} faces, {shown}")
    figures = figures_of(faces["label"], fit, settings)
    write_record(figures, METRICS_DIR / "train.json")
    write_csv(fit.curve, PLOTS_DIR / "train_loss.csv")
    write_csv(fit.scores, PLOTS_DIR / "train_cross_validation.csv")
    for name in figures.classes_without_example:
        print(f"train: class {name!r} has no training example yet")


def fit_round(faces: pd.DataFrame, settings: Params) -> Fit:
    """Train a head on labelled faces (columns batch, face_id, group, label)."""
    return fit_head(
        read_features(faces, settings.batches),
        class_codes(faces["label"], settings.classes),
        faces["group"].to_numpy(),
        settings.classes,
        settings.embed.model,
        settings.train,
        settings.seed,
    )


def figures_of(labels: pd.Series, fit: Fit, settings: Params) -> TrainFigures:
    """Return the candidate's figures."""
    counts, best = labels.value_counts(), fit.scores[fit.scores["l2"] == fit.head.l2]
    held_out = CrossValidation(**best.drop(columns="l2").iloc[0]) if len(best) else None
    return TrainFigures(
        round=settings.rounds.candidate,
        faces=len(labels),
        by_class={name: int(counts.get(name, 0)) for name in settings.classes},
        classes_without_example=[name for name in settings.classes if name not in counts],
        l2=fit.head.l2,
        temperature=fit.head.temperature,
        loss=fit.curve["loss"].iloc[-1],
        cross_validation=held_out,
    )


if __name__ == "__main__":
    run_stage(main)
