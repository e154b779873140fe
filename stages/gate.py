"""Judge the round: go on, stop, target met or too little evidence."""

from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.storage import LABELLED_DIR, METRICS_DIR, read_csv
from faceloop.evaluation.evaluation_figures import Comparison, IterationFigures
from faceloop.gate.gate_figures import GateFigures
from faceloop.gate.label_verdict import require_agreement
from faceloop.gate.params import Gate
from faceloop.gate.verdict import Evidence, judge
from faceloop.labels.label_figures import LabelFigures
from faceloop.pool.labelled import LABELLED
from faceloop.pool.open_faces import open_pool, waits_to_judge
from faceloop.pool.params import HoldingOut
from faceloop.pool.reading import pool_batch, read_distinct, read_jury
from faceloop.pool.splits import next_overfit_groups
from faceloop.statistics.figure_files import read_record, write_record


class Params(HoldingOut):
    gate: Gate


def main() -> None:
    """Write `metrics/gate.json`.

    The verdict is a figure, no failure: this stage always ends well. `faceloop gate` turns it into
    an exit code.
    """
    settings = read_params(Params)
    candidate = settings.rounds.candidate
    labels = read_record(LabelFigures, METRICS_DIR / "labels.json")
    labelled = read_csv(LABELLED_DIR / f"{candidate}.csv", LABELLED)
    this_round = labels.by_round.get(candidate)
    held_out = next_overfit_groups(labelled, settings)
    faces = read_distinct(pool_batch(settings))
    pool = open_pool(faces, labelled, held_out)
    lots = read_jury(pool_batch(settings), len(faces))["lot"].to_numpy()
    evidence = Evidence(
        overfit=read_record(Comparison, METRICS_DIR / "overfit.json"),
        iteration=read_record(IterationFigures, METRICS_DIR / "iteration.json"),
        queued=this_round.queued if this_round else 0,
        answered=this_round.answered if this_round else 0,
        votes=labels.votes,
        looks=sum(1 + one.extensions for one in labels.by_round.values()),
        without_gain=settings.rounds.without_gain,
        pool_left=int(pool.open.sum()),
        unseen_left=int((pool.unseen & waits_to_judge(lots, faces, labelled)).sum()),
    )
    judgement = judge(evidence, settings.gate)
    judgement = require_agreement(judgement, labels.blind, settings.gate.min_alpha)
    figures = GateFigures(
        round=candidate,
        accepted=settings.rounds.accepted,
        **judgement._asdict(),
        metric=settings.gate.metric,
        target=settings.gate.target,
        labels=evidence.votes,
        adjudications=labels.adjudications,
        queued=evidence.queued,
        answered=evidence.answered,
        looks=evidence.looks,
        pool_left=evidence.pool_left,
        unseen_left=evidence.unseen_left,
    )
    write_record(figures, METRICS_DIR / "gate.json")
    print(f"gate {candidate}: {figures.verdict}; {'; '.join(figures.reasons)}")


if __name__ == "__main__":
    run_stage(main)
