"""Does picking help? The active arm against one trained on as many randomly drawn labels."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from faceloop.base.blocks import Loop
from faceloop.base.console import run_stage
from faceloop.base.params import read_params
from faceloop.base.randomness import generator
from faceloop.base.storage import LABELLED_DIR, METRICS_DIR, PLOTS_DIR, read_csv, write_csv
from faceloop.evaluation.evaluation_figures import ShadowFigures
from faceloop.evaluation.evidence import read_held_out
from faceloop.evaluation.shadow import (
    CURVE,
    compare_arms,
    curve_sizes,
    split_arms,
    why_unknown,
)
from faceloop.model.fit_head import fit_head
from faceloop.model.head import Head, class_codes
from faceloop.model.params import EmbedderName, Train
from faceloop.pool.features import read_features
from faceloop.pool.labelled import LABELLED
from faceloop.statistics.figure_files import write_record
from faceloop.statistics.params import Intervals, Metric


class Params(Loop):
    embed: EmbedderName
    train: Train
    gate: Metric
    intervals: Intervals


def main() -> None:
    """Write `metrics/shadow.json` and the points of the learning curves."""
    settings = read_params(Params)
    candidate = settings.rounds.candidate
    held_out = read_held_out("validation", settings)
    labelled = read_csv(LABELLED_DIR / f"{candidate}.csv", LABELLED)
    base, random, active = split_arms(labelled, settings.seed)
    n = min(len(random), len(active))
    about: dict[str, Any] = {
        "round": candidate,
        "labels": n,
        "base": len(base),
        "metric": settings.gate.metric,
        "n": len(held_out.truth),
    }
    reason = why_unknown(len(held_out.truth), random, active)
    if reason:
        figures, curve = ShadowFigures(**about, reason=reason), pd.DataFrame(columns=CURVE)
    else:
        sizes = curve_sizes(n)
        by_random = fit_sizes(base, random, sizes, settings)
        by_active = fit_sizes(base, active, sorted({*sizes, len(active)}), settings)
        rng = generator(settings.seed, "eval_shadow", candidate)
        metric = settings.gate.metric
        arms, curve = compare_arms(held_out, by_random, by_active, metric, settings.intervals, rng)
        figures = ShadowFigures(**about, **arms._asdict())
    write_record(figures, METRICS_DIR / "shadow.json")
    write_csv(curve, PLOTS_DIR / "shadow_curve.csv")
    print(f"eval_shadow: {reason or f'{n} labels an arm, beside {len(base)} of both'}")


def fit_sizes(
    base: pd.DataFrame, arm: pd.DataFrame, sizes: Sequence[int], settings: Params
) -> dict[int, Head]:
    """Train on the base and the arm's first few faces, for each of the sizes."""
    heads = {}
    for size in sizes:
        faces = pd.concat([base, arm.head(size)], ignore_index=True)
        heads[size] = fit_head(
            read_features(faces, settings.batches),
            class_codes(faces["label"], settings.classes),
            faces["group"].to_numpy(),
            settings.classes,
            settings.embed.model,
            settings.train,
            settings.seed,
        ).head
    return heads


if __name__ == "__main__":
    run_stage(main)
