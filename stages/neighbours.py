"""Find the nearest neighbours of every face of a batch, once for all rounds."""

import numpy as np

from faceloop.base.blocks import Seed
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import write_parquet
from faceloop.base.tables import as_table
from faceloop.crops.params import OfABatch
from faceloop.neighbours.nearest import EDGES, nearest
from faceloop.pool.features import NEIGHBOURS_DIR, StoredEmbeddings


class Params(OfABatch):
    seed: Seed


def main(batch: str) -> None:
    """Write `data/neighbours/<batch>.parquet`, a row a face and one of its neighbours."""
    settings = read_params(Params)
    settings.check(batch)
    embeddings = StoredEmbeddings(batch)
    found = nearest(embeddings, generator(settings.seed, "neighbours", batch))
    table = as_table(dict(zip(EDGES, found, strict=True)), EDGES)
    write_parquet(table, NEIGHBOURS_DIR / f"{batch}.parquet")
    each = len(table) / max(len(np.unique(table["face"])), 1)
    print(f"neighbours {batch}: {each:.1f} each of {len(embeddings)} faces")


if __name__ == "__main__":
    run_stage(main)
