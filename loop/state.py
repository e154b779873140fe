"""Where the loop stands, read from params, labels and metrics alone: no DVC, no torch."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from stages.core.records import QUEUE, stacked
from stages.core.settings import Settings
from stages.files.labels import known_rounds, read_queue, read_votes
from stages.files.params import read_params
from stages.files.tables import METRICS_DIR, QUEUE_DIR, read_csv, read_json

GO_ON = ("start", "continue", "undecided")


@dataclass(frozen=True)
class State:
    """The loop at this moment.

    Attributes:
        settings: of params.yaml.
        queue: the candidate round's frozen queue; empty where it is not open yet.
        unanswered: ids of its faces without a vote.
        gate: metrics/gate.json, or None where `dvc repro` has not run.
        drawn: the queue that `dvc repro` proposes, or None where it has not run here.
    """

    settings: Settings
    queue: pd.DataFrame
    unanswered: list[str]
    gate: dict[str, Any] | None
    drawn: pd.DataFrame | None

    @property
    def candidate(self) -> str:
        """The round being labelled or judged."""
        return self.settings.rounds.candidate

    @property
    def is_behind(self) -> bool:
        """Whether the verdict is of another round, or of other labels than lie there now."""
        answered = len(self.queue) - len(self.unanswered)
        return (
            self.gate is None
            or self.drawn is None
            or self.gate["round"] != self.candidate
            or self.gate["accepted"] != self.settings.rounds.accepted
            or (self.gate["queued"], self.gate["answered"]) != (len(self.queue), answered)
        )


def read_state() -> State:
    """Read the state of the project in this folder.

    Raises:
        FaceloopError: params.yaml or a label file is at fault.
    """
    settings = read_params()
    known_rounds(settings.rounds)
    candidate = settings.rounds.candidate
    queue, votes = read_queue(candidate), read_votes(candidate, settings.classes)
    unanswered = queue.loc[~queue["face_id"].isin(votes["face_id"]), "face_id"].tolist()
    gate_file = METRICS_DIR / "gate.json"
    gate = read_json(gate_file) if gate_file.is_file() else None
    parts = [QUEUE_DIR / f"{name}.csv" for name in ("validation", "diverse", "relabel")]
    here = all(path.is_file() for path in parts)
    drawn = stacked([read_csv(path, QUEUE) for path in parts], QUEUE) if here else None
    return State(settings, queue, unanswered, gate, drawn)


def next_step(state: State) -> str:
    """Return the next thing to type, and why where that is not plain."""
    if not state.settings.batches:
        return "put photos and videos in data/raw/NAME/, then: faceloop next --batch NAME"
    if len(state.unanswered):
        return (
            "label the queue: faceloop label --as YOUR-NAME, then: faceloop submit --as YOUR-NAME; "
            "or by folders: faceloop export ../to-label"
        )
    if state.is_behind:
        return "dvc repro"
    if len(state.queue) and state.gate is not None and state.gate["verdict"] not in GO_ON:
        return "faceloop next --batch NAME, for a new batch; or stop here"
    return "faceloop next"
