"""Is the new batch what was wanted? Whom it shows, before anyone labels it."""

import pandas as pd

from faceloop.balance.batch_balance import balance_of, class_points
from faceloop.balance.batch_faces import (
    describe_batch,
    drawn_at_random,
    known_of,
    look_at,
    unseen_probabilities,
)
from faceloop.balance.class_shares import RandomLabels
from faceloop.balance.known_sources import read_sources
from faceloop.balance.params import Wanted
from faceloop.base.blocks import Loop
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import METRICS_DIR, PLOTS_DIR, write_csv
from faceloop.model.head import Head, predict
from faceloop.model.head_files import MODELS_DIR, read_head, read_out_of_fold
from faceloop.pool.features import read_features
from faceloop.pool.open_faces import open_pool
from faceloop.pool.reading import pool_batch, pool_embeddings, read_pool
from faceloop.statistics.figure_files import write_record
from faceloop.statistics.params import Intervals


class Params(Loop):
    balance: Wanted
    intervals: Intervals


def main() -> None:
    """Write `metrics/balance.json` and the points of its plot."""
    settings = read_params(Params)
    candidate, wanted, name = settings.rounds.candidate, settings.balance, pool_batch(settings)
    classes = settings.classes
    faces, labelled = read_pool(settings, "source")
    embeddings = pool_embeddings(settings, faces)
    head = read_head(MODELS_DIR / f"{candidate}.safetensors")
    sources = read_sources(name)
    rng = generator(settings.seed, "balance", candidate, name)
    is_open = open_pool(faces, labelled, held_out=()).open
    known = known_of(faces, labelled, sources, classes)
    found = balance_of(
        describe_batch(faces, labelled, classes, candidate, name),
        look_at(known, is_open, embeddings, head, rng),
        random_labels(labelled, head, settings),
        read_features(labelled[labelled["label"].isin(classes)], settings.batches),
        list(sources.columns.drop("source")),
        classes,
        wanted,
        settings.intervals,
        rng,
    )
    write_record(found, METRICS_DIR / "balance.json")
    write_csv(class_points(found, wanted), PLOTS_DIR / "balance_classes.csv")
    print(f"balance {name}: {'; '.join(found.reasons)}")


def random_labels(labelled: pd.DataFrame, head: Head, settings: Params) -> RandomLabels:
    """Return the randomly drawn labels of all batches, with probabilities of unseen faces."""
    random = drawn_at_random(labelled, settings.classes, settings.rounds.rejected)
    out_of_fold = read_out_of_fold(settings.rounds.candidate)
    p = predict(head, read_features(random, settings.batches))
    return unseen_probabilities(random, p, out_of_fold, settings.classes)


if __name__ == "__main__":
    run_stage(main)
