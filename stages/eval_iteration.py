"""Does the new data still help? Both models on this round's validation set."""

from faceloop.base.blocks import Loop
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.evaluation.comparison import compare, plot_points, predict_with_both
from faceloop.evaluation.evaluation_figures import IterationFigures
from faceloop.evaluation.evidence import read_held_out, read_whole_batch, write_evaluation
from faceloop.evaluation.whole_batch import prediction_agreement, whole_batch_figures
from faceloop.statistics.params import Intervals


class Params(Loop):
    intervals: Intervals


def main() -> None:
    """Write `metrics/iteration.json` and the points of its plots."""
    settings = read_params(Params)
    wanted = settings.intervals
    held_out, batch = read_held_out("validation", settings), read_whole_batch(settings)
    judged = predict_with_both(held_out)
    rng = generator(settings.seed, "eval_iteration", settings.rounds.candidate)
    found = IterationFigures(
        **dict(compare(judged, settings.classes, wanted, rng)),
        whole_batch=whole_batch_figures(judged, batch, held_out.candidate, wanted, rng),
        pool_agreement=prediction_agreement(batch, held_out.accepted, held_out.candidate),
    )
    write_evaluation("iteration", found, plot_points(judged, settings.classes))


if __name__ == "__main__":
    run_stage(main)
