"""From the uncertain faces pick a diverse few."""

from stages.core.diverse_strategies import Sample, pick_diverse
from stages.core.head import predict
from stages.core.randomness import generator
from stages.core.records import LABELLED, QUEUE
from stages.files.console import run_stage
from stages.files.heads import MODELS_DIR, read_head
from stages.files.params import read_params
from stages.files.tables import (
    LABELLED_DIR,
    QUEUE_DIR,
    embedding_width,
    read_csv,
    read_features,
    write_csv,
)


def main() -> None:
    """Write `data/queue/diverse.csv`, the faces to label for training."""
    settings = read_params()
    candidate, width = settings.rounds.candidate, embedding_width(settings.batches)
    uncertain = read_csv(QUEUE_DIR / "uncertain.csv", QUEUE)
    labelled = read_csv(LABELLED_DIR / f"{candidate}.csv", LABELLED)
    trained = labelled[labelled["split"] == "train"]
    features = read_features(uncertain, width)
    sample = Sample(
        uncertain["face_id"].to_numpy(),
        features,
        uncertain["score"].to_numpy(),
        predict(read_head(MODELS_DIR / f"{candidate}.safetensors"), features),
        read_features(trained, width),
    )
    wanted = settings.sample_diverse
    strategy = settings.diversity if len(trained) else wanted.cold_start
    rng = generator(settings.seed, "sample_diverse", candidate)
    picks = pick_diverse(strategy, sample, wanted, rng)
    queue = uncertain.iloc[picks["position"]].reset_index(drop=True)
    queue = queue.assign(reason=picks["reason"], cluster=picks["cluster"].astype("Int64"))
    write_csv(queue.sort_values("face_id"), QUEUE_DIR / "diverse.csv")
    counts = queue["reason"].value_counts().to_dict()
    print(f"sample_diverse: {len(queue)} of {len(uncertain)} uncertain faces: {counts}")


if __name__ == "__main__":
    run_stage(main)
