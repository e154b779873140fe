"""Pick training faces whose label the model doubts, to be asked about once more, blind."""

from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.rounds import rounds_up_to
from faceloop.base.storage import LABELLED_DIR, QUEUE_DIR, read_csv, write_csv
from faceloop.base.tables import FACE, stacked
from faceloop.crops.face_table import read_faces
from faceloop.labels.columns import ASKED
from faceloop.labels.placing import place_rows
from faceloop.labels.vote_files import known_rounds, read_queue
from faceloop.model.head import class_codes, p_columns
from faceloop.model.head_files import read_out_of_fold
from faceloop.pool.labelled import LABELLED
from faceloop.pool.params import HoldingOut
from faceloop.pool.queue import QUEUE, queue_rows
from faceloop.pool.splits import next_overfit_groups
from faceloop.sampling.label_errors import label_quality, may_be_asked_again, most_suspicious
from faceloop.sampling.params import SampleRelabel


class Params(HoldingOut):
    sample_relabel: SampleRelabel


def main() -> None:
    """Write `data/queue/relabel.csv`: as many faces as `share` of the diverse ones."""
    settings = read_params(Params)
    candidate, classes = settings.rounds.candidate, settings.classes
    labelled = read_csv(LABELLED_DIR / f"{candidate}.csv", LABELLED)
    rounds = rounds_up_to(candidate, known_rounds(settings.rounds))
    queues = stacked([read_queue(name) for name in rounds], ASKED)
    faces = read_faces(settings.batches, queues)
    again = queues[queues["purpose"] == "relabel"]
    asked_before = place_rows(again, faces)
    held_out = next_overfit_groups(labelled, settings)
    free = labelled[may_be_asked_again(labelled, asked_before, held_out)]
    judged = read_out_of_fold(candidate).merge(free[FACE], on=FACE)
    labels = class_codes(judged["label"], classes)
    quality = label_quality(labels, judged[p_columns(classes)].to_numpy())
    size = round(settings.sample_relabel.share * len(read_csv(QUEUE_DIR / "diverse.csv", QUEUE)))
    picked = most_suspicious(quality, judged["face_id"].to_numpy(), size)
    doubted = judged.iloc[picked][FACE].assign(score=1 - quality[picked]).merge(faces, on=FACE)
    queue = queue_rows(doubted, "relabel", reason="label_error", score=doubted["score"])
    write_csv(queue.sort_values("face_id"), QUEUE_DIR / "relabel.csv")
    print(f"sample_relabel: {len(queue)} of {len(judged)} training faces that one person labelled")


if __name__ == "__main__":
    run_stage(main)
