"""Which labelled face is for what: train, over-fitting set, validation set or unused."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from faceloop.base.randomness import order_key
from faceloop.base.rounds import next_round, outer_of
from faceloop.pool.params import HoldingOut


def draw_overfit_groups(
    old: pd.DataFrame, share: float, seed: int, outer: int, classes: Sequence[str]
) -> set[str]:
    """Draw the groups of the over-fitting set, stratified by class.

    Groups come in a seeded order that a late correction of one label does not stir; a group is
    taken while it holds a class that still lacks faces.

    Args:
        old: faces labelled in earlier outer iterations; columns group, label.
        share: part of each class to hold out, in [0, 0.5], rounded down: a rare class keeps its
            only examples.
        seed: the project's seed.
        outer: the outer iteration that the set is for; it stays the same throughout.
        classes: the project's classes; other labels (unsure, ...) do not count.
    """
    usable = old[old["label"].isin(list(classes))]
    lacking = (usable["label"].value_counts() * share).apply(np.floor).astype(int).to_dict()
    held_out: set[str] = set()
    by_group = {str(group): Counter(rows["label"]) for group, rows in usable.groupby("group")}
    name = f"overfit-o{outer:02d}"
    for group in sorted(by_group, key=lambda group: order_key(seed, name, group)):
        counts = by_group[group]
        if any(lacking[label] > 0 for label in counts):
            held_out.add(group)
            for label, n in counts.items():
                lacking[label] -= n
    return held_out


def next_overfit_groups(labelled: pd.DataFrame, settings: HoldingOut) -> set[str]:
    """Return the groups of the over-fitting set that the next round will be judged on.

    Within an outer iteration that is the set of today. After the seed it is the first one, which
    is yet to be drawn: what lies beside it must not be labelled for training.

    Args:
        labelled: the candidate's labelled faces; columns round, group, label.
        settings: seed, classes, rounds and merge_labels.overfit_share.
    """
    rounds = settings.rounds
    outer = outer_of(next_round(rounds.candidate, new_batch=False))
    old = (labelled["round"].map(outer_of) < outer) & ~labelled["round"].isin(rounds.rejected)
    share = settings.merge_labels.overfit_share
    return draw_overfit_groups(labelled[old], share, settings.seed, outer, settings.classes)


def assign_splits(
    faces: pd.DataFrame,
    round_name: str,
    outer: int,
    overfit_groups: Collection[str],
    rejected: Collection[str],
    classes: Sequence[str],
) -> pd.Series:
    """Return the split of each labelled face: train, overfit, validation or unused.

    A round's validation set judges that round and joins training from the next. Faces that share
    a group with a held-out face never train: one photo or track is never on both sides.

    Args:
        faces: columns group, round, purpose, label.
        round_name: the round that this table is for.
        outer: the outer iteration whose over-fitting set `overfit_groups` is.
        overfit_groups: groups of the over-fitting set.
        rejected: rounds left out of training.
        classes: labels that can be learnt.
    """
    usable = faces["label"].isin(list(classes)) & ~faces["round"].isin(list(rejected))
    validation = usable & (faces["round"] == round_name) & (faces["purpose"] == "validation")
    in_overfit_group = faces["group"].isin(list(overfit_groups))
    old = faces["round"].map(outer_of) < outer
    held_out = in_overfit_group | faces["group"].isin(faces.loc[validation, "group"])
    split = pd.Series("unused", index=faces.index)
    split[usable & ~held_out] = "train"
    split[usable & in_overfit_group & old] = "overfit"
    split[validation & ~in_overfit_group] = "validation"
    return split
