"""Set photos and tracks of a batch aside to judge models: nothing is ever picked from them."""

import numpy as np
import pandas as pd

from faceloop.base.blocks import Seed
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import write_parquet
from faceloop.base.tables import as_table
from faceloop.crops.params import OfABatch
from faceloop.pool.features import StoredEmbeddings
from faceloop.pool.labelled import JURY
from faceloop.pool.reading import JURY_DIR, read_distinct
from faceloop.sampling.jury import LEARNS, clusters_of, set_aside
from faceloop.sampling.params import JuryShare


class Params(OfABatch):
    seed: Seed
    sample_validation: JuryShare


def main(batch: str) -> None:
    """Write `data/jury/<batch>.parquet`, a row a face: its lot and its stratum."""
    settings = read_params(Params)
    settings.check(batch)
    faces, rng = read_distinct(batch), generator(settings.seed, "sample_jury", batch)
    distinct = np.flatnonzero(faces["duplicate_of"].isna())
    place, names = pd.factorize(faces["group"].iloc[distinct], sort=True)
    _, first, sizes = np.unique(place, return_index=True, return_counts=True)
    clusters = clusters_of(StoredEmbeddings(batch), distinct[first], rng)
    dealt = set_aside(sizes, clusters, settings.sample_validation.jury_share, rng)
    jury = np.full((len(faces), len(JURY)), LEARNS)
    jury[distinct] = np.column_stack(dealt)[place]
    write_parquet(as_table(jury, JURY), JURY_DIR / f"{batch}.parquet")
    print(f"sample_jury {batch}: {(dealt[0] != LEARNS).sum()} of {len(names)} photos and tracks")


if __name__ == "__main__":
    run_stage(main)
