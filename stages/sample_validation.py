"""Draw the next round's validation set: random, and representative of what no model has seen."""

import numpy as np

from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import QUEUE_DIR, write_csv
from faceloop.crops.face_table import read_batch_rows
from faceloop.pool.open_faces import open_pool
from faceloop.pool.params import HoldingOut
from faceloop.pool.queue import queue_rows
from faceloop.pool.reading import pool_batch, read_pool
from faceloop.pool.splits import next_overfit_groups
from faceloop.sampling.params import SampleValidation
from faceloop.sampling.validation import (
    MOST_CLUSTERED,
    draw_groups,
    strata_of,
    stratified_sample,
    thinned,
)


class Params(HoldingOut):
    sample_validation: SampleValidation


def main() -> None:
    """Write `data/queue/validation.csv`, and `reserve.csv`: more faces of the same draw."""
    settings = read_params(Params)
    wanted = settings.sample_validation
    faces, embeddings, labelled = read_pool(settings)
    held_out = next_overfit_groups(labelled, settings)
    unseen = np.flatnonzero(open_pool(faces, labelled, held_out).unseen)
    rng = generator(settings.seed, "sample_validation", settings.rounds.candidate)
    seed = int(rng.integers(2**31))
    lent, group_probability = draw_groups(faces["group"].array[unseen], wanted.max_share, rng)
    size = wanted.size + wanted.reserve
    frame = thinned(unseen[lent], max(MOST_CLUSTERED, size), rng)
    strata = np.zeros(len(frame), dtype=int)
    if len(frame) > size:
        strata = strata_of(embeddings[frame], seed)
    drawn = stratified_sample(strata, size, rng)
    first = stratified_sample(strata[drawn], wanted.size, rng)
    later = rng.permutation(np.setdiff1d(np.arange(len(drawn)), first))
    probability = group_probability * len(first) / max(lent.sum(), 1)
    parts = {"validation": drawn[first], "reserve": drawn[later]}
    for name, part in parts.items():
        queue = queue_rows(
            read_batch_rows(pool_batch(settings), frame[part]),
            "validation",
            reason="representative",
            cluster=strata[part],
            inclusion_probability=probability,
        )
        by_face = queue.sort_values("face_id") if name == "validation" else queue
        write_csv(by_face, QUEUE_DIR / f"{name}.csv")
    print(
        f"sample_validation: {len(first)} of {len(unseen)} faces whose photo or track is unseen, "
        f"{len(later)} more in reserve"
    )


if __name__ == "__main__":
    run_stage(main)
