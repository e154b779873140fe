"""One person's sitting: which faces, in which order, and what the page is told about them.

Nothing here passes on a purpose, a score, a prediction or a count by class.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from loop.page.drafts import Action, Draft
from loop.page.guidelines import read_guidelines
from stages.core.errors import FaceloopError
from stages.core.randomness import generator, order_key
from stages.core.records import NOT_A_FACE, UNSURE
from stages.core.rounds import SEED_ROUND
from stages.core.settings import Settings
from stages.files.labels import check_annotator, read_vote_file, votes_path

FIXED_KEYS = {UNSURE: "u", NOT_A_FACE: "x"}
# Keys of the classes, in their order; u, x, s and g mean something else.
CLASS_KEYS = "123456789abcdefhijklmnopqrtvwyz"


class Refused(Exception):
    """The page asked for something that cannot be; the words are for the person."""


class Session:
    """What one person has before them in one round.

    Raises:
        FaceloopError: the name cannot be a file's, their votes cannot be read, or another server
            holds their draft.
    """

    def __init__(self, settings: Settings, queue: pd.DataFrame, annotator: str) -> None:
        check_annotator(annotator)
        self.round, self.annotator = settings.rounds.candidate, annotator
        self._classes = settings.classes
        faces = queue.drop_duplicates("face_id").sort_values("face_id", ignore_index=True)
        order = generator(settings.seed, "label", self.round, annotator).permutation(len(faces))
        self.faces: list[str] = faces["face_id"].iloc[order].tolist()
        self._known = frozenset(self.faces)
        self._by_cluster = by_cluster(faces, settings.seed) if self.round == SEED_ROUND else None
        self._draft = Draft(self.round, annotator)

    def task(self) -> dict[str, Any]:
        """Return what the page needs to start, or to go on where it was left."""
        submitted = self.submitted()
        standing = [one for one in self._draft.standing() if self._is_open(one, submitted)]
        answered = submitted.union(*map(faces_of, standing))
        history = [
            {
                "action": action.action,
                "faces": faces_of(action),
                "seconds": sum(answer.seconds for answer in action.answers),
            }
            for action in standing
        ]
        return {
            "round": self.round,
            "annotator": self.annotator,
            "labels": labels_with_keys(self._classes),
            "total": len(self.faces),
            "faces": [face_id for face_id in self.faces if face_id not in answered],
            "history": history,
            "grid": self._by_cluster,
            "guidelines": read_guidelines(),
        }

    def save(self, actions: Sequence[Action]) -> None:
        """Put actions in the draft; when this returns they are on disk.

        Raises:
            Refused: an unknown face or label, or an answer that is submitted already.
            OSError: they could not be written.
        """
        allowed = {*self._classes, UNSURE, NOT_A_FACE}
        for action in actions:
            for answer in action.answers:
                if answer.face_id not in self._known:
                    raise Refused(f"Face {answer.face_id} is not in the queue: load the page anew.")
                if answer.label not in allowed:
                    raise Refused(f"{answer.label!r} is not a class: load the page anew.")
            if action.mode == "grid" and self._by_cluster is None:
                raise Refused(f"The grid is for the seed round {SEED_ROUND} alone.")
        self._refuse_undoing_submitted(actions)
        self._draft.append(actions)

    def progress(self) -> tuple[int, int]:
        """Return how many faces this person has answered, and of how many."""
        answered = self.submitted().union(*map(faces_of, self._draft.standing()))
        return len(answered & self._known), len(self.faces)

    def submitted(self) -> set[str]:
        """Return the faces that stand in this person's vote file already."""
        path = votes_path(self.round, self.annotator)
        if not path.is_file():
            return set()
        return set(read_vote_file(path, set(self._known), self._classes)["face_id"])

    def close(self) -> None:
        """Let another server have the draft."""
        self._draft.close()

    def _is_open(self, action: Action, submitted: set[str]) -> bool:
        """Tell whether an action may still be taken back."""
        faces = set(faces_of(action))
        return faces <= self._known and not faces & submitted

    def _refuse_undoing_submitted(self, actions: Sequence[Action]) -> None:
        undone = {action.undoes for action in actions if action.undoes}
        if not undone:
            return
        submitted = self.submitted()
        for action in self._draft.standing():
            if action.action in undone and not self._is_open(action, submitted):
                raise Refused(
                    "That answer is submitted already: correct it in "
                    f"{votes_path(self.round, self.annotator)}, and load the page anew."
                )


def faces_of(action: Action) -> list[str]:
    """Return the faces that an action answers."""
    return [answer.face_id for answer in action.answers]


def labels_with_keys(classes: Sequence[str]) -> list[dict[str, str]]:
    """Return what can be answered, each with its key; a class beyond the keys has none."""
    keys = [*CLASS_KEYS, *[""] * len(classes)]
    return [
        {"label": label, "key": key, "title": label.replace("_", " ")}
        for label, key in [*zip(classes, keys, strict=False), *FIXED_KEYS.items()]
    ]


def by_cluster(faces: pd.DataFrame, seed: int) -> list[str]:
    """Return face ids cluster by cluster, in a seeded order within: likeness shows, purpose not."""
    keys = [order_key(seed, "grid", face_id) for face_id in faces["face_id"]]
    ordered = faces.assign(key=keys).sort_values(["cluster", "key"])
    return list(ordered["face_id"])


def open_sessions(
    settings: Settings, queue: pd.DataFrame, annotators: Sequence[str]
) -> dict[str, Session]:
    """Return a session a person, by name.

    Raises:
        FaceloopError: no queue is open, a name is given twice, or a session cannot be opened.
    """
    if queue.empty:
        raise FaceloopError(f"{settings.rounds.candidate} has no queue yet: run 'faceloop next'")
    if len({name.lower() for name in annotators}) < len(annotators):
        raise FaceloopError("--as: the same name twice; each person needs their own")
    return {name: Session(settings, queue, name) for name in annotators}
