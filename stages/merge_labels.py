"""Merge all votes up to a round into one label a face, and say which face is for what."""

import pandas as pd

from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.rounds import rounds_up_to
from faceloop.base.storage import LABELLED_DIR, METRICS_DIR, PLOTS_DIR, write_csv
from faceloop.crops.face_table import read_faces
from faceloop.labels.adjudication_files import read_rounds
from faceloop.labels.agreement import measure_agreement
from faceloop.labels.counting import count_labels
from faceloop.labels.merging import Merged, merge_rounds
from faceloop.labels.params import Merging
from faceloop.labels.vote_files import known_rounds
from faceloop.statistics.figure_files import write_record


class Params(Merging):
    pass


def main() -> None:
    """Write `data/labelled/<round>.csv` of both rounds, and what the candidate's votes tell."""
    settings = read_params(Params)
    candidate, known = settings.rounds.candidate, known_rounds(settings.rounds)
    said = read_rounds(rounds_up_to(candidate, known), settings.classes)
    faces = read_faces(settings.batches, said.queues)
    for name in (settings.rounds.accepted, candidate):
        until = said.of(rounds_up_to(name, known))
        merged = merge_rounds(*until, faces, name, settings)
        write_csv(merged.labelled, LABELLED_DIR / f"{name}.csv")
        print(f"merge_labels {name}: {len(merged.placed)} votes on {len(merged.labelled)} faces")
    rng = generator(settings.seed, "agreement", candidate)
    agreement = measure_agreement(merged.labelled, merged.placed, settings.intervals, rng)
    figures = count_labels(merged, said.queues, agreement.figures, candidate, settings)
    write_record(figures, METRICS_DIR / "labels.json")
    write_csv(agreement.pairs, PLOTS_DIR / "labels_pairs.csv")
    write_csv(agreement.annotators, PLOTS_DIR / "labels_annotators.csv")
    name_what_is_unplaced(merged)
    print(
        f"merge_labels: {figures.by_split}; {figures.adjudicated} adjudicated, "
        f"{figures.conflicts_open} conflicts open; {figures.re_anchored} re-anchored, "
        f"{figures.unplaced} unplaced"
    )


def name_what_is_unplaced(merged: Merged) -> None:
    """Print each vote and each adjudication whose face is found no more."""
    lost: list[tuple[pd.DataFrame, str]] = [
        (merged.placed, "its vote"),
        (merged.adjudications.assign(annotator="adjudication"), "what was settled"),
    ]
    for rows, what in lost:
        for row in rows[rows["face_id"] == ""].itertuples():
            print(
                f"labels/{row.round}/{row.annotator}.csv: face {row.asked_id} of {row.batch} is "
                f"found no more; {what} is kept there and not used"
            )


if __name__ == "__main__":
    run_stage(main)
