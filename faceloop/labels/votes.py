"""From votes to one label a face."""

import numpy as np
import pandas as pd
from scipy.special import softmax

from faceloop.base.errors import FaceloopError
from faceloop.base.rounds import order_of
from faceloop.labels.columns import UNRESOLVED

EM_STEPS = 100  # most; it ends when the likelihood stands still
RIGHT_ANSWERS = 10  # made-up faces a label that everybody got right: the prior of their matrices
LEAST = 1e-10  # probability; crowd-kit's own, so that nothing is impossible
TIE = 0.5 + 1e-6  # a posterior up to here, rounding apart, decides nothing


def latest_votes(votes: pd.DataFrame) -> pd.DataFrame:
    """Keep each person's vote of the latest round for a face: a later vote corrects an earlier.

    Args:
        votes: columns round, batch, face_id, annotator, label.
    """
    ordered = votes.sort_values("round", key=lambda names: names.map(order_of), kind="stable")
    return ordered.drop_duplicates(["batch", "face_id", "annotator"], keep="last")


def majority(votes: pd.DataFrame) -> pd.DataFrame:
    """Return one row a face: the label most people gave it.

    A tie is `unresolved`. The other aggregations take and return the same columns.

    Args:
        votes: columns batch, face_id, label; one row a person and face.

    Returns:
        Columns batch, face_id, label, confidence (the label's share of the votes), votes (how
        many), agreement (share of agreeing pairs of votes; NaN for a single vote).
    """
    key = ["batch", "face_id"]
    counts = votes.groupby([*key, "label"], sort=True).size().rename("n").reset_index()
    counts["pairs"] = counts["n"] * (counts["n"] - 1)
    totals = counts.groupby(key, sort=True).agg(
        votes=("n", "sum"), top=("n", "max"), pairs=("pairs", "sum")
    )
    leaders = counts.merge(totals["top"].reset_index(), on=key).query("n == top")
    winners = leaders.groupby(key, sort=True)["label"].agg(
        lambda labels: labels.iloc[0] if len(labels) == 1 else UNRESOLVED
    )
    table = totals.join(winners)
    table["confidence"] = table["top"] / table["votes"]
    all_pairs = table["votes"] * (table["votes"] - 1)
    table["agreement"] = (table["pairs"] / all_pairs).where(all_pairs > 0)
    return table.reset_index()[[*key, "label", "confidence", "votes", "agreement"]]


def dawid_skene(votes: pd.DataFrame) -> pd.DataFrame:
    """Return one row a face: its likeliest label, each person weighed by what they mix up.

    Expectation-maximisation over everybody's confusion matrices (Dawid and Skene 1979, Maximum
    Likelihood Estimation of Observer Error-Rates), by crowd-kit, on the independent votes: faces
    asked again because a model doubted them were picked to be disagreed on. Everybody starts with a
    few right answers, so that without overlap all are believed. `unsure` and `not_a_face` are
    labels like the others. A tie is `unresolved`, and so is a face whose likeliest label nobody
    gave it.

    Args:
        votes: columns batch, face_id, annotator, label, purpose; one row a person and face.

    Returns:
        The columns of `majority`; confidence is the posterior of the likeliest label.

    Raises:
        FaceloopError: crowd-kit is not installed.
    """
    table = majority(votes)
    if table.empty:
        return table
    key = ["batch", "face_id"]
    ordered = votes.sort_values([*key, "annotator"])  # sums of floats depend on the order
    answers = ordered.rename(columns={"annotator": "worker"})[["worker", "label"]]
    answers = answers.assign(task=ordered.groupby(key).ngroup())
    posterior = _posterior(answers, (ordered["purpose"] != "relabel").to_numpy())
    label, confidence = posterior.idxmax(axis=1), posterior.max(axis=1)
    given = pd.MultiIndex.from_frame(answers[["task", "label"]])
    was_given = pd.MultiIndex.from_arrays([label.index, label]).isin(given)
    return table.assign(
        label=label.where(was_given & (confidence > TIE), UNRESOLVED), confidence=confidence
    )


def _posterior(answers: pd.DataFrame, independent: np.ndarray) -> pd.DataFrame:
    """Return each label's probability for each task: rows tasks, columns labels, both sorted."""
    try:
        from crowdkit.aggregation import DawidSkene  # an extra, and seconds of import
    except ImportError as error:
        raise FaceloopError(
            "merge_labels.aggregation: dawid-skene needs crowd-kit: run "
            "\"pip install 'faceloop[dawid-skene]'\", or set it to majority in params.yaml"
        ) from error

    labels, workers = sorted(set(answers["label"])), sorted(set(answers["worker"]))
    made_up = pd.DataFrame(
        [
            (worker, label, f"{label} {at}")
            for worker in workers
            for label in labels
            for at in range(RIGHT_ANSWERS)
        ],
        columns=["worker", "label", "task"],
    )
    truth = made_up.drop_duplicates("task").set_index("task")["label"]
    model = DawidSkene(EM_STEPS).fit(pd.concat([answers[independent], made_up]), truth)
    log_errors, log_priors = (
        np.log(found.clip(lower=LEAST)) for found in (model.errors_[labels], model.priors_[labels])
    )
    said = log_errors.loc[pd.MultiIndex.from_frame(answers[["worker", "label"]])]
    log_likelihood = said.groupby(answers["task"].to_numpy()).sum() + log_priors
    return pd.DataFrame(softmax(log_likelihood.to_numpy(), axis=1), log_likelihood.index, labels)


AGGREGATIONS = {"majority": majority, "dawid-skene": dawid_skene}
