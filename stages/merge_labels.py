"""Merge all votes up to a round into one label a face, and say which face is for what."""

from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.rounds import rounds_up_to
from faceloop.base.tables import write_csv, write_figures
from faceloop.crops.face_table import read_faces
from faceloop.labels.adjudication_files import read_rounds
from faceloop.labels.agreement import measure_agreement
from faceloop.labels.label_figures import summarise_labels
from faceloop.labels.merging import merge_rounds
from faceloop.labels.vote_files import known_rounds
from faceloop.pool.labelled import LABELLED_DIR


def main(round_name: str) -> None:
    """Write `data/labelled/<round>.csv` and its figures, `data/labelled/<round>.json`."""
    settings = read_params()
    rounds = rounds_up_to(round_name, known_rounds(settings.rounds))
    queues, votes, adjudications = read_rounds(rounds, settings.classes)
    faces = read_faces(settings.batches, queues)
    merged = merge_rounds(queues, votes, adjudications, faces, round_name, settings)
    rng = generator(settings.seed, "agreement", round_name)
    agreement = measure_agreement(merged.labelled, merged.placed, settings.merge_labels, rng)
    figures = summarise_labels(merged, queues, round_name, settings) | {"blind": agreement.figures}
    write_csv(merged.labelled, LABELLED_DIR / f"{round_name}.csv")
    write_csv(agreement.pairs, LABELLED_DIR / f"{round_name}.pairs.csv")
    write_csv(agreement.annotators, LABELLED_DIR / f"{round_name}.annotators.csv")
    write_figures(figures, LABELLED_DIR / f"{round_name}.json")
    for _, vote in merged.placed[merged.placed["face_now"] == ""].iterrows():
        print(
            f"labels/{vote['round']}/{vote['annotator']}.csv: face {vote['face_id']} of "
            f"{vote['batch']} is found no more; its vote is kept there and not used"
        )
    lost = merged.adjudications[merged.adjudications["face_now"] == ""]
    for name, face_id in zip(lost["round"], lost["face_id"], strict=True):
        print(
            f"labels/{name}/adjudication.csv: face {face_id} is found no more; "
            "what was settled is kept there and not used"
        )
    print(
        f"merge_labels {round_name}: {figures['votes']} votes on {figures['faces']} faces; "
        f"{figures['by_split']}; {figures['adjudicated']} adjudicated, "
        f"{figures['conflicts_open']} conflicts open; {figures['re_anchored']} re-anchored, "
        f"{figures['unplaced']} unplaced"
    )


if __name__ == "__main__":
    run_stage(main)
