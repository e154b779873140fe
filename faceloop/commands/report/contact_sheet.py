"""What the round chose, in pictures: its faces by reason."""

from typing import NamedTuple

import pandas as pd

from faceloop.commands.exchange.label_studio_tasks import data_uri
from faceloop.crops.packs import read_crops

SHOWN = 12  # a reason: a row of the page


class Row(NamedTuple):
    """The faces of one reason: how many there are, and some of them as data URIs."""

    reason: str
    faces: int
    pictures: list[str]


def contact_sheet(queue: pd.DataFrame) -> list[Row]:
    """Return up to SHOWN faces a reason, the first in the queue's seeded order."""
    rows = []
    for (purpose, reason), faces in queue.groupby(["purpose", "reason"], sort=True):
        some = faces.head(SHOWN)
        pictures = [
            data_uri(jpeg)
            for batch, of_batch in some.groupby("batch", sort=True)
            for jpeg in read_crops(str(batch), of_batch["asked_id"].tolist())
        ]
        rows.append(Row(f"{purpose}: {reason}", len(faces), pictures))
    return rows
