"""From votes to one label a face."""

import pandas as pd

from stages.core.records import UNRESOLVED
from stages.core.rounds import order_of


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


AGGREGATIONS = {"majority": majority}
