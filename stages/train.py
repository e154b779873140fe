"""Train the head on a round's labelled faces."""

import numpy as np

from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.tables import read_csv, write_csv, write_figures, write_parquet
from faceloop.model.fit_head import fit_head
from faceloop.model.head import p_columns
from faceloop.model.head_files import MODELS_DIR, write_head
from faceloop.pool.features import embedding_width, read_features
from faceloop.pool.labelled import LABELLED, LABELLED_DIR


def main(round_name: str) -> None:
    """Write `models/<round>.safetensors`, its figures, out-of-fold table and two plots' points."""
    settings = read_params()
    labelled = read_csv(LABELLED_DIR / f"{round_name}.csv", LABELLED)
    faces = labelled[labelled["split"] == "train"]
    features = read_features(faces, embedding_width(settings.batches))
    labels = faces["label"].map(settings.classes.index).to_numpy(dtype=np.int64)
    fit = fit_head(
        features,
        labels,
        faces["group"].to_numpy(),
        settings.classes,
        settings.embed.model,
        settings.train,
        settings.seed,
    )
    counts = faces["label"].value_counts()
    without = [name for name in settings.classes if name not in counts]
    figures = {
        "round": round_name,
        "faces": len(faces),
        "by_class": {name: int(counts.get(name, 0)) for name in settings.classes},
        "classes_without_example": without,
        "l2": fit.head.l2,
        "temperature": fit.head.temperature,
        "loss": fit.curve["loss"].iloc[-1],
        "cross_validation": fit.scores.set_index("l2").loc[[fit.head.l2]].iloc[0].to_dict()
        if len(fit.scores)
        else None,
    }
    write_head(fit.head, MODELS_DIR / f"{round_name}.safetensors")
    write_figures(figures, MODELS_DIR / f"{round_name}.json")
    held_out = faces[["batch", "face_id", "label"]].head(len(fit.out_of_fold))  # all, or none
    p = dict(zip(p_columns(settings.classes), fit.out_of_fold.T, strict=True))
    write_parquet(held_out.assign(**p), MODELS_DIR / f"{round_name}.out_of_fold.parquet")
    write_csv(fit.curve, MODELS_DIR / f"{round_name}.loss.csv")
    write_csv(fit.scores, MODELS_DIR / f"{round_name}.cross_validation.csv")
    print(
        f"train {round_name}: {len(faces)} faces, L2 {fit.head.l2:g}, T {fit.head.temperature:.2f}"
    )
    for name in without:
        print(f"train {round_name}: class {name!r} has no training example yet")


if __name__ == "__main__":
    run_stage(main)
