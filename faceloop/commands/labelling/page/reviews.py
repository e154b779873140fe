"""Sittings over what is labelled already: settling conflicts, and checking in a grid."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from faceloop.base.randomness import order_key
from faceloop.commands.labelling.page.session import Refused, Sitting
from faceloop.commands.rounds.drafts import ADJUDICATION, CHECK, Action
from faceloop.commands.settings import Settings
from faceloop.labels.adjudication_files import read_adjudications
from faceloop.labels.columns import UNRESOLVED
from faceloop.labels.vote_files import read_queue, read_vote_file, read_votes, votes_path

SETTLED_KEY = "0"


class Adjudication(Sitting):
    """Faces that people disagree on, one by one, with what they said and not who said it.

    Those whose decision in this person's draft is not submitted stay, even if somebody else has
    settled them meanwhile: so that it can be taken back.

    Args:
        settings: of params.yaml.
        conflicts: columns asked_id, round, labels.
        annotator: who settles.
    """

    command = "adjudicate"

    def __init__(self, settings: Settings, conflicts: pd.DataFrame, annotator: str) -> None:
        super().__init__(settings, ADJUDICATION, conflicts["asked_id"].tolist(), annotator)
        self.labels = [
            *self.labels,
            {"label": UNRESOLVED, "key": SETTLED_KEY, "title": "cannot be settled"},
        ]
        self._rounds = sorted(set(conflicts["round"]))
        # Seeded for each face and person: whose label stands left tells nothing.
        self._sides = {
            asked_id: shuffled(labels, settings.seed, annotator, asked_id)
            for asked_id, labels in zip(conflicts["asked_id"], conflicts["labels"], strict=True)
        }

    def shown(self) -> dict[str, Any]:
        """Return what people said of each face, in no order that means anything."""
        return {"sides": self._sides}

    def submitted(self) -> set[str]:
        """Return the faces whose decision by this person stands in adjudication.csv."""
        tables = [
            read_adjudications(name, read_votes(name, self._classes), self._classes)
            for name in self._rounds
        ]
        return {
            asked_id
            for table in tables
            for asked_id in table.loc[table["adjudicator"] == self.annotator, "asked_id"]
        }


class Check(Sitting):
    """Labelled faces by the page, each page of one label; this person marks the exceptions.

    Args:
        settings: of params.yaml.
        faces: columns asked_id, round, label; in the order of the grid.
        annotator: who checks; has voted on none of them.
    """

    def __init__(self, settings: Settings, faces: pd.DataFrame, annotator: str) -> None:
        super().__init__(settings, CHECK, faces["asked_id"].tolist(), annotator)
        self._grid = faces["asked_id"].tolist()
        self._proposed = dict(zip(faces["asked_id"], faces["label"], strict=True))
        self._rounds = sorted(set(faces["round"]))

    def shown(self) -> dict[str, Any]:
        """Return the grid's order and the label that people gave each face."""
        return {"grid": self._grid, "proposed": self._proposed}

    def check_mode(self, action: Action) -> None:
        """Refuse any other mode: who has seen the label before did not vote blind, ever.

        Raises:
            Refused: with the reason.
        """
        if action.mode != "grid":
            raise Refused("A check is kept as mode grid: load the page anew.")

    def submitted(self) -> set[str]:
        """Return the faces that this person has voted on since."""
        found: set[str] = set()
        for name in self._rounds:
            path = votes_path(name, self.annotator)
            if path.is_file():
                queued = set(read_queue(name)["asked_id"])
                found |= set(read_vote_file(path, queued, self._classes)["asked_id"])
        return found


def shuffled(labels: Sequence[str], seed: int, *names: str) -> list[str]:
    """Return labels in an order seeded by names."""
    return sorted(labels, key=lambda label: order_key(seed, *names, label))
