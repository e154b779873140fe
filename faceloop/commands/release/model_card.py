"""The model card (Mitchell et al. 2019, Model Cards for Model Reporting), filled from figures."""

import numpy as np
import pandas as pd

from faceloop.base.randomness import generator
from faceloop.commands.release.contents import Contents, kinds_of_source
from faceloop.commands.release.held_out_figures import LEAST_FACES, class_figures, figures_by_value
from faceloop.commands.release.markdown import escaped, figure, filled, table
from faceloop.commands.release.model import CERTAIN
from faceloop.commands.release.model_facts import Certain, ModelFacts
from faceloop.evaluation.evaluation_figures import Comparison
from faceloop.model.head import Head
from faceloop.statistics.confusion import METRICS


def model_card(contents: Contents, about: ModelFacts) -> str:
    """Return README.md of the model.

    Args:
        contents: what is released.
        about: model.json.
    """
    extraction, train = contents.settings.extract_faces, contents.settings.train
    return filled(
        "model_card.md",
        contents,
        kind=_kind(contents.head),
        trained=int((contents.faces["split"] == "train").sum()),
        weighted="balanced by class" if train.class_weight == "balanced" else "all weighted alike",
        embedder=about.embedder.model,
        sha256=about.embedder.sha256,
        crop_px=extraction.crop_px,
        margin=f"{extraction.margin:g}",
        level=f"{contents.settings.intervals.confidence:.0%}",
        headline=_headline(contents),
        drawn=len(contents.drawn),
        groups=contents.drawn["group"].nunique(),
        by_class=_by_class(contents),
        confusion=_confusion(contents),
        threshold=_threshold(about.certain, len(contents.drawn)),
        least=LEAST_FACES,
        by_source=_by_source(contents),
        thin=_thin(contents),
    )


def _kind(head: Head) -> str:
    if head.hidden is None:
        return "A multinomial logistic regression, temperature-scaled,"
    units = head.hidden.weight.shape[1]
    return (
        f"A network of one hidden layer of {units} units beside a linear map, taught what label\n"
        "spreading, discriminants and a logistic regression together say of the last batch's faces,"
    )


def _headline(contents: Contents) -> str:
    sets: dict[str, Comparison] = {
        "validation set, drawn at random in the last round": contents.iteration,
        "over-fitting set, from earlier outer iterations": contents.overfit,
    }
    rows = [
        [name, found.n, found.groups, *(figure(of_model[m]) for m in METRICS)]
        for name, found in sets.items()
        if (of_model := getattr(found, contents.role)) is not None
    ]
    return table(["faces that it did not learn from", "faces", "groups", *METRICS], rows)


def _by_class(contents: Contents) -> str:
    classes, settings = contents.settings.classes, contents.settings.intervals
    if contents.drawn.empty:
        return "There is no such face."
    rng = generator(contents.settings.seed, "model_card", contents.round)
    found = class_figures(contents.drawn, len(classes), settings, rng)
    rows = [
        [name, one.n, *map(figure, (one.precision, one.recall, one.f1))]
        for name, one in zip(classes, found, strict=True)
    ]
    return table(["class", "faces", "precision", "recall", "F1"], rows)


def _confusion(contents: Contents) -> str:
    classes, drawn = contents.settings.classes, contents.drawn
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (drawn["truth"].to_numpy(), drawn["predicted"].to_numpy()), 1)
    rows = [[name, *row] for name, row in zip(classes, counts.tolist(), strict=True)]
    return table(["", *classes], rows)


def _threshold(certain: Certain | None, n: int) -> str:
    if certain is None:
        return (
            f"No confidence that at least {LEAST_FACES} of these {n} faces reach is right "
            f"{CERTAIN:.0%} of the time:\ntake every single prediction as uncertain."
        )
    return (
        f"At a confidence of {certain.threshold:.3f} or more, {certain.precision:.3f} of "
        f"predictions are right: {certain.faces} of these\n{n} faces. `faceloop predict` calls "
        "the others uncertain. The threshold was chosen on these very faces:\non new ones expect "
        "a little less."
    )


def _by_source(contents: Contents) -> str:
    kinds = kinds_of_source(contents.drawn, contents.settings.batches)
    rng = generator(contents.settings.seed, "model_card_by_source", contents.round)
    settings, n_classes = contents.settings.intervals, len(contents.settings.classes)
    rows = []
    for one in figures_by_value(contents.drawn, kinds, n_classes, settings, rng):
        rates = (figure(one.accuracy), figure(one.macro_f1))
        rows.append([one.column, one.value, one.n, one.groups, *rates])
    if not rows:
        return "There is none: `data/sources/<batch>.csv` tells of no such kind."
    return table(["what", "value", "faces", "groups", "accuracy", "macro_f1"], rows)


def _thin(contents: Contents) -> str:
    counts: pd.Series = contents.drawn["truth"].value_counts()
    thin = [
        escaped(name)
        for at, name in enumerate(contents.settings.classes)
        if counts.get(at, 0) < LEAST_FACES
    ]
    if not thin:
        return ""
    return f"- Fewer than {LEAST_FACES} faces drawn at random tell about: {', '.join(thin)}.\n"
