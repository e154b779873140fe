"""Is the new batch what was wanted? Whom it shows, before anyone labels it."""

import numpy as np
import pandas as pd

from faceloop.balance.batch_balance import (
    BatchFaces,
    balance_of,
    drawn_at_random,
    unseen_probabilities,
)
from faceloop.balance.class_shares import RandomLabels
from faceloop.balance.known_sources import read_sources
from faceloop.balance.params import Balance
from faceloop.balance.targets import CLASS
from faceloop.base.blocks import Loop
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import METRICS_DIR, PLOTS_DIR, write_csv, write_figures
from faceloop.model.head import Head, predict
from faceloop.model.head_files import MODELS_DIR, read_head, read_out_of_fold
from faceloop.pool.features import read_features
from faceloop.pool.open_faces import open_pool
from faceloop.pool.reading import PoolTables, pool_batch, read_pool

PLOT = ["class", "share", "low", "high", "target"]


class Params(Loop):
    balance: Balance


def main() -> None:
    """Write `metrics/balance.json` and the points of its plot."""
    settings = read_params(Params)
    candidate, wanted, name = settings.rounds.candidate, settings.balance, pool_batch(settings)
    pool, head = read_pool(settings, "source"), read_head(MODELS_DIR / f"{candidate}.safetensors")
    sources = read_sources(name)
    rng = generator(settings.seed, "balance", candidate, name)
    labelled = pool.labelled[pool.labelled["label"].isin(settings.classes)]
    found = balance_of(
        batch_faces(pool, sources, head, settings, rng),
        random_labels(pool.labelled, head, settings),
        read_features(labelled, settings.batches),
        list(sources.columns.drop("source")),
        settings.classes,
        wanted,
        rng,
    )
    copies = int(pool.faces["duplicate_of"].notna().sum())
    figures = {
        "round": candidate,
        "name": name,
        "faces": len(pool.faces),
        "labelled": int((labelled["batch"] == name).sum()),
        "near_duplicates": copies / max(len(pool.faces), 1),
        **found,
    }
    write_figures(figures, METRICS_DIR / "balance.json")
    targets = wanted.targets.get(CLASS, {})
    rows = [
        (one, share["value"], share["low"], share["high"], targets.get(one))
        for one, share in (found["batch"] or {}).items()
    ]
    write_csv(pd.DataFrame(rows, columns=PLOT), PLOTS_DIR / "balance_classes.csv")
    print(f"balance {name}: {'; '.join(found['reasons'])}")


def batch_faces(
    pool: PoolTables,
    sources: pd.DataFrame,
    head: Head,
    settings: Params,
    rng: np.random.Generator,
) -> BatchFaces:
    """Return the pool's distinct faces with what is known of each, and what the model says."""
    is_open = open_pool(pool.faces, pool.labelled, held_out=()).open
    label_of = pool.labelled.set_index("face_id")["label"]
    label = pool.faces["face_id"].map(label_of).where(lambda one: one.isin(settings.classes), "")
    kept = np.flatnonzero(is_open | (label != "").to_numpy())
    faces = pool.faces[["group", "source"]].assign(label=label).iloc[kept]
    known = faces.merge(sources, on="source", how="left").fillna("")
    unlabelled = np.flatnonzero(is_open[kept])
    size = min(settings.balance.max_faces, len(unlabelled))
    looked_at = np.sort(rng.choice(unlabelled, size, replace=False))
    features = np.asarray(pool.embeddings[kept[looked_at]], dtype=np.float32)
    return BatchFaces(known, looked_at, features, predict(head, features))


def random_labels(labelled: pd.DataFrame, head: Head, settings: Params) -> RandomLabels:
    """Return the randomly drawn labels of all batches, with probabilities of unseen faces."""
    random = drawn_at_random(labelled, settings.classes, settings.rounds.rejected)
    out_of_fold = read_out_of_fold(settings.rounds.candidate)
    p = predict(head, read_features(random, settings.batches))
    return unseen_probabilities(random, p, out_of_fold, settings.classes)


if __name__ == "__main__":
    run_stage(main)
