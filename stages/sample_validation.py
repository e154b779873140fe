"""Draw the next round's validation set: random faces of the next lots of the jury."""

import numpy as np

from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import QUEUE_DIR, write_csv
from faceloop.crops.face_table import read_batch_rows
from faceloop.pool.open_faces import open_pool, waits_to_judge
from faceloop.pool.params import HoldingOut
from faceloop.pool.queue import queue_rows
from faceloop.pool.reading import pool_batch, read_jury, read_pool
from faceloop.pool.splits import next_overfit_groups
from faceloop.sampling.jury import LEARNS, next_lots
from faceloop.sampling.params import JurySize
from faceloop.sampling.validation import stratified_sample


class Params(HoldingOut):
    sample_validation: JurySize


def main() -> None:
    """Write `data/queue/validation.csv`, and `reserve.csv`: more faces of the same draw."""
    settings = read_params(Params)
    wanted = settings.sample_validation
    faces, labelled = read_pool(settings)
    jury = read_jury(pool_batch(settings), len(faces))
    held_out = next_overfit_groups(labelled, settings)
    unseen = open_pool(faces, labelled, held_out).unseen
    waits = unseen & waits_to_judge(jury["lot"].to_numpy(), faces, labelled)
    size = wanted.size + wanted.reserve
    frame = np.flatnonzero(next_lots(np.where(waits, jury["lot"], LEARNS), size))
    rng = generator(settings.seed, "sample_validation", settings.rounds.candidate)
    strata, groups = jury["stratum"].to_numpy()[frame], faces["group"].array[frame]
    drawn = stratified_sample(strata, groups, size, rng)
    first = stratified_sample(strata[drawn], groups[drawn], wanted.size, rng)
    later = rng.permutation(np.setdiff1d(np.arange(len(drawn)), first))
    # Of the batch's photos and tracks, and then of their faces.
    distinct = faces.loc[faces["duplicate_of"].isna(), "group"].nunique()
    probability = len(set(groups)) / max(distinct, 1) * len(first) / max(len(frame), 1)
    parts = {"validation": drawn[first], "reserve": drawn[later]}
    for name, part in parts.items():
        queue = queue_rows(
            read_batch_rows(pool_batch(settings), frame[part]),
            "validation",
            reason="representative",
            inclusion_probability=probability,
        )
        by_face = queue.sort_values("face_id") if name == "validation" else queue
        write_csv(by_face, QUEUE_DIR / f"{name}.csv")
    print(
        f"sample_validation: {len(first)} of {waits.sum()} faces that wait to judge, "
        f"{len(later)} more in reserve"
    )


if __name__ == "__main__":
    run_stage(main)
