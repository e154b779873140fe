"""What people answered on the page and did not submit: it lies in drafts, on this machine alone."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from faceloop.commands.rounds.drafts import ADJUDICATION, CHECK, DRAFTS_DIR, read_draft
from faceloop.labels.adjudication_files import RoundTables
from faceloop.labels.params import check_person

WHAT = {ADJUDICATION: "of adjudication", CHECK: "of a check"}


class Unsubmitted(NamedTuple):
    """Answers of one draft that `faceloop submit` would write: whose, to what, and how many."""

    annotator: str
    title: str
    answers: int

    def __str__(self) -> str:
        """Return it in words, without whose it is."""
        answers = "1 answer" if self.answers == 1 else f"{self.answers} answers"
        return f"{answers} {WHAT.get(self.title, f'of {self.title}')}"


def read_unsubmitted(
    said: RoundTables, conflicts: Callable[[], Collection[str] | None]
) -> list[Unsubmitted]:
    """Return the drafts that hold answers which are not in labels/ yet, by person and title.

    Left out are answers about faces that are not asked about any more: submit passes them over.

    Args:
        said: of all rounds up to the candidate.
        conflicts: gives the asked_ids of the faces that people disagree on, settled or not; None
            where that cannot be told, before a `dvc pull`. Asked if a decision is in a draft.

    Raises:
        FaceloopError: a line of a draft cannot be read.
    """
    found = []
    for path in sorted(DRAFTS_DIR.glob("*/*.jsonl")):
        title, name = path.parent.name, path.stem
        try:
            check_person(name)
        except ValueError:
            continue  # nobody's draft: no command would take such a name
        answered = set(read_draft(title, name)["asked_id"])
        waiting = answered & _open(title, name, said, conflicts)
        found.append(Unsubmitted(name, title, len(waiting)))
    return sorted(one for one in found if one.answers)


def _open(
    title: str, name: str, said: RoundTables, conflicts: Callable[[], Collection[str] | None]
) -> set[str]:
    """Return the faces whose answer by this person, in a draft of this title, submit would add."""
    if title == ADJUDICATION:
        mine = said.adjudications[said.adjudications["adjudicator"] == name]
        disputed = conflicts()
        asked = said.queues["asked_id"] if disputed is None else disputed
        return set(asked) - set(mine["asked_id"])
    queues, votes = said.queues, said.votes[said.votes["annotator"] == name]
    if title != CHECK:
        queues, votes = (table[table["round"] == title] for table in (queues, votes))
    return set(queues["asked_id"]) - set(votes["asked_id"])


def submit_first(drafts: Collection[Unsubmitted]) -> str:
    """Return what to type so that these drafts are submitted, and what each of them holds."""
    told = (
        f"faceloop submit --as {name} ({', '.join(str(one) for one in drafts if one[0] == name)})"
        for name in dict.fromkeys(one.annotator for one in drafts)
    )
    return f"submit what is answered: {'; '.join(told)}"
