"""From the uncertain faces pick a diverse few."""

from faceloop.base.blocks import Batches, Classes, Seed
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import LABELLED_DIR, QUEUE_DIR, read_csv, write_csv
from faceloop.base.tables import as_table
from faceloop.model.head import p_columns
from faceloop.pool.features import read_features
from faceloop.pool.labelled import LABELLED
from faceloop.pool.queue import QUEUE
from faceloop.sampling.diverse_strategies import COLD_START, Sample, pick_diverse
from faceloop.sampling.params import ByStrategy, Candidate, SampleDiverse


class Params(ByStrategy):
    seed: Seed
    classes: Classes
    batches: Batches
    rounds: Candidate
    sample_diverse: SampleDiverse


def main() -> None:
    """Write `data/queue/diverse.csv`, the faces to label for training."""
    settings = read_params(Params)
    candidate, batches = settings.rounds.candidate, settings.batches
    p = p_columns(settings.classes)
    uncertain = read_csv(QUEUE_DIR / "uncertain.csv", {**QUEUE, **dict.fromkeys(p, "float64")})
    labelled = read_csv(LABELLED_DIR / f"{candidate}.csv", LABELLED)
    trained = labelled[labelled["split"] == "train"]
    sample = Sample(
        uncertain["face_id"].to_numpy(),
        read_features(uncertain, batches),
        uncertain["score"].to_numpy(),
        uncertain[p].to_numpy(),
        read_features(trained, batches),
    )
    wanted = settings.sample_diverse
    strategy = settings.diversity if len(trained) else COLD_START
    rng = generator(settings.seed, "sample_diverse", candidate)
    picks = pick_diverse(strategy, sample, wanted, rng)
    queue = uncertain.iloc[picks["position"]].reset_index(drop=True)
    queue = queue.assign(reason=picks["reason"], cluster=picks["cluster"].astype("Int64"))
    write_csv(as_table(queue.sort_values("face_id"), QUEUE), QUEUE_DIR / "diverse.csv")
    counts = queue["reason"].value_counts().to_dict()
    print(f"sample_diverse: {len(queue)} of {len(uncertain)} uncertain faces: {counts}")


if __name__ == "__main__":
    run_stage(main)
