"""Train both models: a head on each round's labelled faces, and on the pool."""

import numpy as np
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
from faceloop.model.fit_head import fit_head, folds_of
from faceloop.model.head import class_codes, p_columns
from faceloop.model.head_files import MODELS_DIR, write_head
from faceloop.model.params import EmbedderName, Train
from faceloop.model.pool_head import PoolFit, Surroundings, alone, learn_from_pool
from faceloop.model.spreading import affinity
from faceloop.model.train_figures import CrossValidation, TrainFigures
from faceloop.neighbours.nearest import nearest_of
from faceloop.pool.features import (
    PREDICTED_DIR,
    StoredEmbeddings,
    places_of,
    read_features,
    read_neighbours,
)
from faceloop.pool.labelled import LABELLED
from faceloop.pool.reading import pool_batch
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
        found = fit_round(faces, settings)
        fit, p = found.fit, p_columns(settings.classes)
        write_head(fit.head, MODELS_DIR / f"{name}.safetensors")
        held_out = faces[["batch", "face_id", "label"]].head(len(fit.out_of_fold))  # all, or none
        held_out = held_out.assign(**dict(zip(p, fit.out_of_fold.T, strict=True)))
        write_parquet(held_out, MODELS_DIR / f"{name}.out_of_fold.parquet")
        weights = ", ".join(f"{member} {weight:.2f}" for member, weight in found.weights.items())
        shown = weights or f"L2 {fit.head.l2:g}, T {fit.head.temperature:.2f}"
        print(f"train {name}: {len(faces)} faces, {shown}")
    write_parquet(pd.DataFrame(found.p, columns=p), PREDICTED_DIR / f"{name}.parquet")
    figures = figures_of(faces["label"], found, settings)
    write_record(figures, METRICS_DIR / "train.json")
    write_csv(fit.curve, PLOTS_DIR / "train_loss.csv")
    write_csv(found.logistic.scores, PLOTS_DIR / "train_cross_validation.csv")
    for name in figures.classes_without_example:
        print(f"train: class {name!r} has no training example yet")


def fit_round(faces: pd.DataFrame, settings: Params) -> PoolFit:
    """Train a head on labelled faces (columns batch, face_id, group, label), and on the pool."""
    features = read_features(faces, settings.batches)
    labels = class_codes(faces["label"], settings.classes)
    groups, seed, embedder = faces["group"].to_numpy(), settings.seed, settings.embed.model
    fit = fit_head(features, labels, groups, settings.classes, embedder, settings.train, seed)
    if settings.train.head == "logistic":
        return alone(fit, StoredEmbeddings(pool_batch(settings)))
    pool = pool_around(faces, features, pool_batch(settings))
    return learn_from_pool(fit, features, labels, folds_of(labels, groups, seed), pool, seed)


def pool_around(faces: pd.DataFrame, features: np.ndarray, batch: str) -> Surroundings:
    """Return the batch's faces with their graph, to which labelled faces of others are joined."""
    embeddings, here = StoredEmbeddings(batch), (faces["batch"] == batch).to_numpy()
    places = len(embeddings) + np.cumsum(~here) - 1
    places[here] = places_of(faces.loc[here, "face_id"].to_numpy(), batch)
    older = nearest_of(features[~here], embeddings)
    older = older._replace(faces=places[~here][older.faces])
    joined = zip(read_neighbours(batch), older, strict=True)
    ends, neighbours, cosines = (np.concatenate(both) for both in joined)
    graph = affinity(ends, neighbours, cosines, len(embeddings) + int(np.count_nonzero(~here)))
    return Surroundings(embeddings, graph, places)


def figures_of(labels: pd.Series, found: PoolFit, settings: Params) -> TrainFigures:
    """Return the candidate's figures."""
    counts, fit = labels.value_counts(), found.fit
    best = fit.scores[fit.scores["l2"] == fit.head.l2]
    held_out = CrossValidation(**best.drop(columns="l2").iloc[0]) if len(best) else None
    return TrainFigures(
        round=settings.rounds.candidate,
        faces=len(labels),
        by_class={name: int(counts.get(name, 0)) for name in settings.classes},
        classes_without_example=[name for name in settings.classes if name not in counts],
        head=settings.train.head,
        weights=found.weights,
        l2=fit.head.l2,
        temperature=fit.head.temperature,
        loss=fit.curve["loss"].iloc[-1],
        cross_validation=held_out,
    )


if __name__ == "__main__":
    run_stage(main)
