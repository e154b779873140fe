"""Is old knowledge kept? Both models on the static over-fitting set."""

from faceloop.base.blocks import Loop
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.evaluation.comparison import compare, plot_points, predict_with_both
from faceloop.evaluation.evidence import read_held_out, write_evaluation
from faceloop.statistics.params import Intervals


class Params(Loop):
    intervals: Intervals


def main() -> None:
    """Write `metrics/overfit.json` and the points of its plots."""
    settings = read_params(Params)
    wanted = settings.intervals
    judged = predict_with_both(read_held_out("overfit", settings))
    rng = generator(settings.seed, "eval_overfit", settings.rounds.candidate)
    found = compare(judged, settings.classes, wanted, rng)
    write_evaluation("overfit", found, plot_points(judged, settings.classes))


if __name__ == "__main__":
    run_stage(main)
