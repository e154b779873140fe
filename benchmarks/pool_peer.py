"""One pick by another library, in a process of its own: `python -m benchmarks.pool_peer PEER N`."""

import sys

import numpy as np

from benchmarks.peers import PEERS
from faceloop.base.rounds import SEED_ROUND
from faceloop.base.storage import LABELLED_DIR, read_csv
from faceloop.commands.simulation.simulated_loop import Labelled, Moment
from faceloop.model.head import predict
from faceloop.model.head_files import MODELS_DIR, read_head
from faceloop.pool.features import places_of, read_embeddings
from faceloop.pool.labelled import LABELLED


def main(peer: str, size: str) -> None:
    """Pick from the pool in this folder; the libraries take arrays in memory alone."""
    head = read_head(MODELS_DIR / f"{SEED_ROUND}.safetensors")
    labelled = read_csv(LABELLED_DIR / f"{SEED_ROUND}.csv", LABELLED)
    batch = labelled["batch"].iloc[0]
    features = np.asarray(read_embeddings(batch), dtype=np.float32)
    trained = places_of(labelled["face_id"].to_numpy(), batch)
    labels = np.zeros(len(features), dtype=np.int64)
    labels[trained] = labelled["label"].map(list(head.classes).index)
    ids = np.arange(len(features))
    data = Labelled(ids, ids, features, labels)
    free = np.setdiff1d(ids, trained)
    moment = Moment(data, trained, free, head, predict(head, features[free]))
    picked = PEERS[peer](moment, int(size), np.random.default_rng(0))
    print(f"{peer}: {len(picked)} of {len(free)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
