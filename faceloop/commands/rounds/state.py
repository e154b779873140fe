"""Where the loop stands, read from params, labels, metrics and dvc.lock: no DVC, no torch."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from faceloop.base.rounds import SEED_ROUND, rounds_up_to
from faceloop.base.storage import FACES_DIR, METRICS_DIR, QUEUE_DIR, read_csv
from faceloop.base.tables import as_table, stacked
from faceloop.commands.repository.lock import stages_of_other_params
from faceloop.commands.rounds.unsubmitted import Unsubmitted, read_unsubmitted, submit_first
from faceloop.commands.settings import Settings, read_settings
from faceloop.gate.gate_figures import GateFigures
from faceloop.labels.adjudication_files import RoundTables, read_rounds
from faceloop.labels.assignment import is_dealt_otherwise, missing_votes
from faceloop.labels.columns import ASKED, IMPORTED
from faceloop.labels.vote_files import known_rounds, read_reserve
from faceloop.pool.queue import QUEUE
from faceloop.statistics.figure_files import read_record

if TYPE_CHECKING:
    from faceloop.commands.rounds.history import Conflicts

GO_ON = ("start", "continue", "undecided")
BESIDE_THE_VERDICT = ("eval_shadow", "balance", "sample_")  # stages that it does not hang on


@dataclass(frozen=True)
class State:
    """The loop at this moment.

    Attributes:
        settings: of params.yaml.
        queue: the candidate round's frozen queue; empty where it is not open yet.
        unanswered: ids of its faces that somebody who is asked has not voted on.
        left: how many of them each named annotator has before them; empty where nobody is named.
        said: queues, votes and adjudications of all rounds up to the candidate.
        gate: metrics/gate.json, or None where `dvc repro` has not run.
        drawn: the queue that `dvc repro` proposes, or None where it has not run here.
        reserve_left: validation faces that `faceloop next --extend` could still add to the round.
        stale: the stages that ran with other params or other code than stand there now.
    """

    settings: Settings
    queue: pd.DataFrame
    unanswered: list[str]
    left: dict[str, int]
    said: RoundTables
    gate: GateFigures | None
    drawn: pd.DataFrame | None
    reserve_left: int
    stale: list[str]

    @property
    def candidate(self) -> str:
        """The round being labelled or judged."""
        return self.settings.rounds.candidate

    @property
    def votes(self) -> pd.DataFrame:
        """The candidate round's votes."""
        return self.said.votes[self.said.votes["round"] == self.candidate]

    @property
    def is_judged(self) -> bool:
        """Whether the verdict is of this round, these votes and these params, told without data."""
        answered = len(self.queue) - len(self.unanswered)
        return (
            self.gate is not None
            and self.gate.round == self.candidate
            and self.gate.accepted == self.settings.rounds.accepted
            and (self.gate.queued, self.gate.answered) == (len(self.queue), answered)
            and self.gate.labels == len(self.said.votes)
            and self.gate.adjudications == len(self.said.adjudications)
            and all(name.startswith(BESIDE_THE_VERDICT) for name in self.stale)
        )

    @property
    def is_behind(self) -> bool:
        """Whether `dvc repro` or `dvc pull` must run before the loop can go on from here."""
        return self.drawn is None or not self.is_judged or bool(self.stale)

    @cached_property
    def disagreements(self) -> "Conflicts | None":
        """What people disagree on; None where it cannot be told, before a `dvc pull`."""
        tables = [FACES_DIR / f"{batch}.parquet" for batch in self.settings.batches]
        if not all(path.is_file() for path in tables):
            return None
        from faceloop.commands.rounds.history import read_conflicts

        return read_conflicts(self)

    @property
    def conflicts(self) -> int:
        """On how many faces people disagree, and nobody has settled it; 0 if it cannot be told."""
        if self.said.votes["annotator"].nunique() < 2 or self.disagreements is None:
            return 0
        return len(self.disagreements.open)

    @cached_property
    def unsubmitted(self) -> list[Unsubmitted]:
        """The drafts that hold answers which nobody has submitted."""
        return read_unsubmitted(
            self.said, lambda: self.disagreements and self.disagreements.every["asked_id"]
        )

    @property
    def is_imported_seed(self) -> bool:
        """Whether the candidate is the seed, and all its labels were there already."""
        is_seed = self.candidate == SEED_ROUND and len(self.queue) > 0
        return is_seed and bool((self.queue["reason"] == IMPORTED).all())

    @property
    def is_dealt_otherwise(self) -> bool:
        """Whether what is left of the queue waits for others than params.yaml names."""
        return bool(self.unanswered) and is_dealt_otherwise(self.queue, self.settings.label)

    @property
    def waits_for_extension(self) -> bool:
        """Whether the gain is open, is to be settled first, and can be."""
        wanted = self.settings.gate.on_undecided == "extend" and self.reserve_left > 0
        return bool(wanted and self.gate and self.gate.more_labels)


def read_state() -> State:
    """Read the state of the project in this folder.

    Raises:
        FaceloopError: params.yaml or a label file is at fault.
    """
    settings = read_settings()
    candidate = settings.rounds.candidate
    said = read_rounds(rounds_up_to(candidate, known_rounds(settings.rounds)), settings.classes)
    queue = as_table(said.queues[said.queues["round"] == candidate], ASKED)
    missing = missing_votes(queue, said.votes[said.votes["round"] == candidate])
    unanswered = queue.loc[missing.map(len) > 0, "asked_id"].tolist()
    asked = sorted(set(" ".join(queue["annotators"]).split()))
    left = {name: int(missing.map(lambda names, who=name: who in names).sum()) for name in asked}
    gate_file = METRICS_DIR / "gate.json"
    gate = read_record(GateFigures, gate_file) if gate_file.is_file() else None
    parts = [QUEUE_DIR / f"{name}.csv" for name in ("validation", "diverse", "relabel")]
    here = all(path.is_file() for path in parts)
    drawn = stacked([read_csv(path, QUEUE) for path in parts], QUEUE) if here else None
    reserve = read_reserve(candidate)["asked_id"]
    reserve_left = int((~reserve.isin(queue["asked_id"])).sum())
    stale = stages_of_other_params()
    return State(settings, queue, unanswered, left, said, gate, drawn, reserve_left, stale)


def told(faces: int) -> str:
    """Return a number of faces in words."""
    return "1 face" if faces == 1 else f"{faces:,} faces"


def next_step(state: State) -> str:
    """Return the next thing to type, and why where that is not plain."""
    if not state.settings.batches:
        return "put photos and videos in data/raw/NAME/, then: faceloop next --batch NAME"
    if state.unsubmitted:
        first = submit_first(state.unsubmitted)
        rest = "; or label on: faceloop label --as YOUR-NAME" if state.unanswered else ""
        return f"{first}{rest}"
    if state.is_dealt_otherwise:
        return "faceloop next --deal: the queue is not dealt out as params.yaml, label, says now"
    if len(state.unanswered):
        return (
            "label the queue: faceloop label --as YOUR-NAME, then: faceloop submit --as YOUR-NAME; "
            "or by folders: faceloop export ../to-label"
        )
    if state.conflicts:
        return (
            f"settle what people disagree on ({told(state.conflicts)}): faceloop adjudicate "
            "--as NAME, then: faceloop submit --as NAME; dvc repro"
        )
    if state.is_behind:
        return "dvc repro"
    if state.is_imported_seed:
        return (
            "faceloop next --batch NAME, to pick faces of a new batch by this seed; or, to label "
            f"more of {state.settings.pool}: faceloop next"
        )
    if len(state.queue) and state.gate is not None and state.gate.verdict not in GO_ON:
        return "faceloop next --batch NAME, for a new batch; or stop here"
    more = min(state.gate.more_labels, state.reserve_left) if state.gate else 0
    if state.waits_for_extension:
        return f"faceloop next --extend {more}"
    if more:
        return f"faceloop next; or, to settle this round first: faceloop next --extend {more}"
    return "faceloop next"
