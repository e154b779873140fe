"""One person's sitting: which faces, in which order, and what the page is told about them.

Nothing here passes on a purpose, a score, a prediction, a name or a count by class.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.randomness import generator, order_key
from faceloop.base.rounds import SEED_ROUND
from faceloop.commands.labelling.page.guidelines import read_guidelines
from faceloop.commands.rounds.drafts import Action, Draft
from faceloop.commands.settings import Settings
from faceloop.labels.assignment import asked_of
from faceloop.labels.columns import NOT_A_FACE, UNSURE
from faceloop.labels.vote_files import check_writer, queue_path, read_vote_file, votes_path

FIXED_KEYS = {UNSURE: "u", NOT_A_FACE: "x"}
# Of the classes, in their order, where params.yaml names none; u, x, s and g mean other things.
CLASS_KEYS = "123456789abcdefhijklmnopqrtvwyz"


class Refused(Exception):
    """The page asked for something that cannot be; the words are for the person."""


class Sitting:
    """Some faces before one person, and a draft of their answers; the kinds of sitting build on it.

    Raises:
        FaceloopError: the name cannot be a file's, or another server holds their draft.
    """

    command: ClassVar[str] = "label"

    def __init__(
        self, settings: Settings, title: str, face_ids: Sequence[str], annotator: str
    ) -> None:
        check_writer(annotator)
        read_guidelines()  # what is at fault with them is said before anybody starts
        self.title, self.annotator = title, annotator
        self.labels = labels_with_keys(settings.classes, settings.label.keys)
        faces = sorted(set(face_ids))
        order = generator(settings.seed, "label", title, annotator).permutation(len(faces))
        self.faces: list[str] = [faces[place] for place in order]
        self._classes = settings.classes
        self._known = frozenset(faces)
        self._draft = Draft(title, annotator)

    def task(self) -> dict[str, Any]:
        """Return what the page needs to start, or to go on where it was left."""
        submitted = self.submitted()
        standing = [one for one in self._draft.standing() if self._is_open(one, submitted)]
        answered = submitted.union(*map(faces_of_action, standing))
        history = [
            {
                "action": action.action,
                "faces": faces_of_action(action),
                "seconds": sum(answer.seconds for answer in action.answers),
                "note": action.answers[0].note,
            }
            for action in standing
        ]
        return {
            "command": self.command,
            "title": self.title,
            "annotator": self.annotator,
            "labels": self.labels,
            "total": len(self.faces),
            "faces": [face_id for face_id in self.faces if face_id not in answered],
            "history": history,
            "guidelines": read_guidelines(),
            **{"grid": None, "proposed": None, "sides": None},
            **self.shown(),
        }

    def shown(self) -> dict[str, Any]:
        """Return what this kind of sitting shows besides: grid, proposed or sides."""
        return {}

    def save(self, actions: Sequence[Action]) -> None:
        """Put actions in the draft; when this returns they are on disk.

        Raises:
            Refused: an unknown face or label, or an answer that is submitted already.
            OSError: they could not be written.
        """
        allowed = {label["label"] for label in self.labels}
        for action in actions:
            for answer in action.answers:
                if answer.face_id not in self._known:
                    raise Refused(f"Face {answer.face_id} is not asked: load the page anew.")
                if answer.label not in allowed:
                    raise Refused(f"{answer.label!r} is not a class: load the page anew.")
            if action.answers:
                self.check_mode(action)
        self._refuse_undoing_submitted(actions)
        self._draft.append(actions)

    def check_mode(self, action: Action) -> None:
        """Refuse an answer that was given in a way that this sitting does not offer."""
        if action.mode != "page":
            raise Refused("There is no grid here: load the page anew.")

    def progress(self) -> tuple[int, int]:
        """Return how many faces this person has answered, and of how many."""
        answered = self.submitted().union(*map(faces_of_action, self._draft.standing()))
        return len(answered & self._known), len(self.faces)

    def submitted(self) -> set[str]:
        """Return the faces whose answer by this person stands in labels/ already."""
        raise NotImplementedError

    def close(self) -> None:
        """Let another server have the draft."""
        self._draft.close()

    def _is_open(self, action: Action, submitted: set[str]) -> bool:
        """Tell whether an action may still be taken back."""
        faces = set(faces_of_action(action))
        return faces <= self._known and not faces & submitted

    def _refuse_undoing_submitted(self, actions: Sequence[Action]) -> None:
        undone = {action.undoes for action in actions if action.undoes}
        if not undone:
            return
        submitted = self.submitted()
        for action in self._draft.standing():
            if action.action in undone and not self._is_open(action, submitted):
                raise Refused(
                    "That answer is submitted already: correct it in labels/, in your own file, "
                    "and load the page anew."
                )


class Session(Sitting):
    """The candidate round's queue, as far as this person is asked.

    Raises:
        FaceloopError: as `Sitting`, or their votes cannot be read.
    """

    def __init__(self, settings: Settings, queue: pd.DataFrame, annotator: str) -> None:
        faces = queue[asked_of(queue, annotator)].drop_duplicates("asked_id")
        self._queued = set(queue["asked_id"])
        is_seed = settings.rounds.candidate == SEED_ROUND
        self._by_cluster = by_cluster(faces, settings.seed) if is_seed else None
        super().__init__(settings, settings.rounds.candidate, faces["asked_id"].tolist(), annotator)

    def shown(self) -> dict[str, Any]:
        """Return the grid's order, in the seed round."""
        return {"grid": self._by_cluster}

    def check_mode(self, action: Action) -> None:
        """Refuse the grid in any other round.

        Raises:
            Refused: with the reason.
        """
        if action.mode == "grid" and self._by_cluster is None:
            raise Refused(f"The grid is for the seed round {SEED_ROUND} alone.")

    def submitted(self) -> set[str]:
        """Return the faces that stand in this person's vote file already."""
        path = votes_path(self.title, self.annotator)
        if not path.is_file():
            return set()
        return set(read_vote_file(path, self._queued, self._classes)["asked_id"])


def faces_of_action(action: Action) -> list[str]:
    """Return the faces that an action answers."""
    return [answer.face_id for answer in action.answers]


def labels_with_keys(classes: Sequence[str], own: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return what can be answered, each with its key; a class beyond the keys has none."""
    keys = [*(own or CLASS_KEYS), *[""] * len(classes)]
    return [
        {"label": label, "key": key, "title": label.replace("_", " ")}
        for label, key in [*zip(classes, keys, strict=False), *FIXED_KEYS.items()]
    ]


def by_cluster(faces: pd.DataFrame, seed: int) -> list[str]:
    """Return face ids cluster by cluster, in a seeded order within: likeness shows, purpose not."""
    keys = [order_key(seed, "grid", asked_id) for asked_id in faces["asked_id"]]
    ordered = faces.assign(key=keys).sort_values(["cluster", "key"])
    return list(ordered["asked_id"])


def open_sessions(
    settings: Settings, queue: pd.DataFrame, annotators: Sequence[str]
) -> dict[str, Sitting]:
    """Return a session a person, by name.

    Raises:
        FaceloopError: no queue is open, a name is not among those it was dealt to, or a session
            cannot be opened.
    """
    candidate = settings.rounds.candidate
    if queue.empty:
        raise FaceloopError(f"{candidate} has no queue yet: run 'faceloop next'")
    for name in annotators:
        check_asked(name, queue, settings)
    return {name: Session(settings, queue, name) for name in annotators}


def check_asked(name: str, queue: pd.DataFrame, settings: Settings) -> None:
    """Refuse a name that is nobody's who is asked: one mistyped would get a fresh queue.

    Raises:
        FaceloopError: with the name that may be meant, and how somebody joins.
    """
    dealt_to = sorted(set(" ".join(queue["annotators"]).split()))
    named = settings.label.annotators
    if name in dealt_to or not (dealt_to or named) or (name in named and not dealt_to):
        return
    people = sorted({*dealt_to, *named})
    like = get_close_matches(name.lower(), [one.lower() for one in people], n=1)
    meant = [f"is {one} meant" for one in people if [one.lower()] == like] or ["who is that"]
    candidate = settings.rounds.candidate
    asked = (
        f"{candidate} was dealt out to {', '.join(dealt_to)}"
        if dealt_to
        else (f"label.annotators in params.yaml names {', '.join(named)}")
    )
    raise FaceloopError(
        f"--as {name}: {meant[0]}? {asked}. If {name} is to label too, add the name to "
        "params.yaml, label.annotators; faceloop next --deal then deals out "
        f"{queue_path(candidate)} anew"
    )
