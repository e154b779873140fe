"""Score the whole pool and keep the faces that the candidate model is least sure of."""

import numpy as np

from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import QUEUE_DIR, write_csv
from faceloop.crops.face_table import read_batch_rows
from faceloop.model.head import p_columns
from faceloop.pool.features import read_predicted
from faceloop.pool.open_faces import open_pool, waits_to_judge
from faceloop.pool.params import HoldingOut
from faceloop.pool.queue import queue_rows
from faceloop.pool.reading import pool_batch, read_jury, read_pool
from faceloop.pool.splits import next_overfit_groups
from faceloop.sampling.params import ByStrategy, SampleUncertain
from faceloop.sampling.uncertainty import most_uncertain, score


class Params(HoldingOut, ByStrategy):
    sample_uncertain: SampleUncertain


def main() -> None:
    """Write `data/queue/uncertain.csv`, the intermediate sample, with what the model says of it."""
    settings = read_params(Params)
    wanted, candidate = settings.sample_uncertain, settings.rounds.candidate
    faces, labelled = read_pool(settings)
    held_out = next_overfit_groups(labelled, settings)
    lots = read_jury(pool_batch(settings), len(faces))["lot"].to_numpy()
    waits = waits_to_judge(lots, faces, labelled)
    rows = np.flatnonzero(open_pool(faces, labelled, held_out).open & ~waits)
    p, reason = read_predicted(candidate)[rows], settings.uncertainty
    ids, rng = faces["face_id"].array[rows], generator(settings.seed, "sample_uncertain", candidate)
    scores = score(reason, p, ids, rng)
    picked = most_uncertain(scores, ids, wanted.size)
    found = read_batch_rows(pool_batch(settings), rows[picked])
    queue = queue_rows(found, "train", reason=reason, score=scores[picked])
    columns = p_columns(settings.classes)
    queue = queue.assign(**dict(zip(columns, p[picked].T, strict=True)))
    write_csv(queue.sort_values("face_id"), QUEUE_DIR / "uncertain.csv")
    print(f"sample_uncertain: {len(queue)} of {len(rows)} faces by {reason}")


if __name__ == "__main__":
    run_stage(main)
