"""Is old knowledge kept? Both models on the static over-fitting set."""

from stages.core.evaluation import compare, judge, plot_points
from stages.core.randomness import generator
from stages.files.console import run_stage
from stages.files.evaluations import read_held_out, write_evaluation
from stages.files.params import read_params


def main() -> None:
    """Write `metrics/overfit.json` and the points of its plots."""
    settings = read_params()
    wanted = settings.eval_overfit
    judged = judge(read_held_out("overfit", settings))
    rng = generator(settings.seed, "eval_overfit", settings.rounds.candidate)
    figures = compare(judged, settings.classes, wanted, rng)
    write_evaluation("overfit", figures, plot_points(judged, settings.classes, wanted.bins))


if __name__ == "__main__":
    run_stage(main)
