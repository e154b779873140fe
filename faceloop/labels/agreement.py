"""How well people agree, from their votes alone: known before anybody sees a prediction.

Only blind, independent votes count. Left out are those of the grid, where a whole page is proposed
one class, and those on faces that were asked again because a model doubted their label: they were
picked to disagree.
"""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from faceloop.base.tables import FACE
from faceloop.labels.columns import DAY_S
from faceloop.labels.label_figures import AgreementFigures, AnnotatorFigures, PairAgreement
from faceloop.labels.votes import latest_votes
from faceloop.statistics.estimates import Estimate
from faceloop.statistics.kappa import cohen_kappa
from faceloop.statistics.params import Intervals

PLOTTED = ["annotator", "compared", "agreement"]


class Agreement(NamedTuple):
    """What is known of people's agreement.

    Attributes:
        pairs: a row for every two votes on one face, both ways round; columns one, other.
        annotators: a row a person; columns annotator, compared, agreement.
    """

    figures: AgreementFigures
    pairs: pd.DataFrame
    annotators: pd.DataFrame


class Ballots(NamedTuple):
    """Blind votes on faces that several people labelled.

    Attributes:
        votes: a row a vote; columns batch, face_id, annotator, label, and `others`: the label that
            most of the others gave the face, None for a tie.
        counts: int of shape (n_faces, n_labels), the votes for each label.
        groups: of shape (n_faces,), the photo or track of each face.
    """

    votes: pd.DataFrame
    counts: np.ndarray
    groups: np.ndarray


def measure_agreement(
    labelled: pd.DataFrame, placed: pd.DataFrame, settings: Intervals, rng: np.random.Generator
) -> Agreement:
    """Measure how well people agree on the faces that several of them labelled blind.

    Args:
        labelled: columns batch, face_id, group.
        placed: the votes; columns batch, face_id, annotator, label, mode, purpose, round, seconds.
        settings: bootstrap and confidence.
        rng: of the bootstrap.
    """
    blind = blind_votes(placed)
    ballots = several_people(blind, labelled)
    pairs, labels = kappa_by_pair(ballots.votes), pairs_of_labels(ballots.votes)
    names = sorted(set(blind["annotator"]))
    people = {name: about_annotator(name, blind, ballots.votes) for name in names}
    known = [(one.kappa, one.faces) for one in pairs.values() if one.kappa is not None]
    mixed_up = labels[labels["one"] < labels["other"]].agg(" and ".join, axis=1)
    figures = AgreementFigures(
        votes=len(blind),
        faces=len(ballots.counts),
        groups=len(np.unique(ballots.groups)),
        alpha=alpha_with_interval(ballots, settings, rng),
        kappa=sum(kappa * n for kappa, n in known) / sum(n for _, n in known) if known else None,
        pairs=pairs,
        confused={str(name): n for name, n in mixed_up.value_counts(sort=False).items()},
        annotators=people,
    )
    rows = [(name, one.compared, one.agreement) for name, one in people.items() if one.compared]
    return Agreement(figures, labels, pd.DataFrame(rows, columns=PLOTTED))


def blind_votes(placed: pd.DataFrame) -> pd.DataFrame:
    """Return each person's latest blind, independent vote on each face that is found."""
    blind = (placed["face_id"] != "") & (placed["mode"] != "grid")
    blind &= placed["purpose"] != "relabel"
    return latest_votes(placed[blind])


def several_people(blind: pd.DataFrame, labelled: pd.DataFrame) -> Ballots:
    """Keep the faces that several people labelled, and set each vote against the others'."""
    votes = blind[blind.duplicated(FACE, keep=False)].merge(labelled[[*FACE, "group"]], on=FACE)
    votes = votes.sort_values([*FACE, "annotator"], ignore_index=True)
    face, (code, names) = votes.groupby(FACE).ngroup().to_numpy(), pd.factorize(votes["label"])
    counts = np.zeros((votes.groupby(FACE).ngroups, len(names)), dtype=int)
    np.add.at(counts, (face, code), 1)
    others = counts[face]
    others[np.arange(len(votes)), code] -= 1
    is_top = others == others.max(axis=1, keepdims=True, initial=0)
    consensus = [names[row.argmax()] if row.sum() == 1 else None for row in is_top]
    groups = votes.drop_duplicates(FACE)["group"].to_numpy()
    return Ballots(votes.assign(others=pd.Series(consensus, dtype="object")), counts, groups)


def about_annotator(name: str, blind: pd.DataFrame, shared: pd.DataFrame) -> AnnotatorFigures:
    """Return a person's number of votes, seconds a face, and agreement with the others' label."""
    compared = shared[(shared["annotator"] == name) & shared["others"].notna()]
    seconds = blind.loc[blind["annotator"] == name, "seconds"].clip(upper=DAY_S)
    agreement = (compared["label"] == compared["others"]).mean()
    return AnnotatorFigures(
        votes=len(seconds),
        median_seconds=float(seconds.median()) if seconds.notna().any() else None,
        compared=len(compared),
        agreement=float(agreement) if len(compared) else None,
    )


def krippendorff_alpha(agreeing: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return nominal alpha, 1 - observed / expected disagreement; NaN where all labels are alike.

    Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, from sums over faces.

    Args:
        agreeing: of shape (...), the diagonal of the coincidence matrix summed.
        totals: of shape (..., n_labels), the number of votes for each label.
    """
    n = totals.sum(axis=-1)
    expected = _expected_disagreement(totals)
    observed = np.divide(n - agreeing, n, out=np.zeros(np.shape(n)), where=n > 0)
    ratio = np.full(np.shape(n), np.nan)
    return 1 - np.divide(observed, expected, out=ratio, where=expected > 0)


def _expected_disagreement(totals: np.ndarray) -> np.ndarray:
    n = totals.sum(axis=-1)
    pairs = n * (n - 1.0)
    alike = (totals * (totals - 1.0)).sum(axis=-1)
    return np.divide(pairs - alike, pairs, out=np.zeros(np.shape(n)), where=pairs > 0)


def alpha_with_interval(
    ballots: Ballots, settings: Intervals, rng: np.random.Generator
) -> Estimate | None:
    """Return alpha with a percentile interval over draws of whole groups, None where undefined.

    The interval reaches at least to a disagreement of -ln(1 - confidence) / n_groups: where nobody
    disagreed, every draw is alike (the rule of three: Hanley and Lippman-Hand 1983).
    """
    counts = ballots.counts
    raters = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / np.maximum(raters - 1, 1)
    names, place = np.unique(ballots.groups, return_inverse=True)
    sums = np.zeros((len(names), 1 + counts.shape[1]))  # (n_groups, agreeing and each label)
    np.add.at(sums, place, np.column_stack([agreeing, counts]))
    total = sums.sum(axis=0)
    value = float(krippendorff_alpha(total[0], total[1:]))
    if math.isnan(value):
        return None
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), settings.bootstrap)
    draws = drawn @ sums
    tail = (1 - settings.confidence) / 2
    low, high = np.nanquantile(krippendorff_alpha(draws[:, 0], draws[:, 1:]), [tail, 1 - tail])
    reach = -math.log(1 - settings.confidence) / len(names) / _expected_disagreement(total[1:])
    low, high = max(min(low, value - reach), -1.0), min(max(high, value + reach), 1.0)
    return Estimate(value=value, low=float(low), high=float(high))


def kappa_by_pair(votes: pd.DataFrame) -> dict[str, PairAgreement]:
    """Return how well each two people agree who share faces."""
    labels = votes.pivot(index=FACE, columns="annotator", values="label")
    pairs = {}
    for one, other in combinations(labels, 2):
        both = labels[[one, other]].dropna()
        if len(both):
            names = sorted({*both[one], *both[other]})
            counts = pd.crosstab(both[one], both[other])
            counts = counts.reindex(index=names, columns=names, fill_value=0)
            pairs[f"{one} and {other}"] = PairAgreement(
                faces=len(both),
                agreement=float((both[one] == both[other]).mean()),
                kappa=cohen_kappa(counts.to_numpy()),
            )
    return pairs


def pairs_of_labels(votes: pd.DataFrame) -> pd.DataFrame:
    """Return the labels of every two votes on one face, both ways round: columns one, other."""
    some = votes[[*FACE, "annotator", "label"]]
    both = some.merge(some, on=FACE, suffixes=("_one", "_other"))
    both = both[both["annotator_one"] != both["annotator_other"]]
    both = both.rename(columns={"label_one": "one", "label_other": "other"})[["one", "other"]]
    return both.sort_values(["one", "other"], ignore_index=True)
