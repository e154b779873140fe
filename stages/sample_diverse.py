"""From the uncertain faces pick a diverse few: hearts, edges and a chance share of clusters."""

from stages.core.diversity import pick_diverse
from stages.core.randomness import generator
from stages.core.records import QUEUE
from stages.files.console import run_stage
from stages.files.params import read_params
from stages.files.tables import QUEUE_DIR, embedding_width, read_csv, read_features, write_csv


def main() -> None:
    """Write `data/queue/diverse.csv`, the faces to label for training."""
    settings = read_params()
    wanted = settings.sample_diverse
    uncertain = read_csv(QUEUE_DIR / "uncertain.csv", QUEUE)
    features = read_features(uncertain, embedding_width(settings.batches))
    rng = generator(settings.seed, "sample_diverse", settings.rounds.candidate)
    picks = pick_diverse(features, uncertain["face_id"].to_numpy(), wanted, rng)
    queue = uncertain.iloc[picks["position"]].reset_index(drop=True)
    queue = queue.assign(reason=picks["reason"], cluster=picks["cluster"].astype("Int64"))
    write_csv(queue.sort_values("face_id"), QUEUE_DIR / "diverse.csv")
    counts = queue["reason"].value_counts().to_dict()
    print(f"sample_diverse: {len(queue)} of {len(uncertain)} uncertain faces: {counts}")


if __name__ == "__main__":
    run_stage(main)
