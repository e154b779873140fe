"""Who is asked about which face, and which faces are answered."""

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from faceloop.labels.columns import IMPORTED
from faceloop.labels.params import TRUTH, Label


def assign_annotators(
    queue: pd.DataFrame,
    label: Label,
    rng: np.random.Generator,
    voted: Mapping[str, Collection[str]],
    said: Mapping[str, Collection[str]] | None = None,
) -> list[str]:
    """Deal a queue's faces out to the named annotators, some of them to two.

    Which faces two people label is drawn at random within each purpose. The rarest pair so far
    takes the next of them, then whoever has least takes the next face of one: pairs occur, and
    loads come out, as evenly as the numbers allow. A relabel goes to people who have not voted on
    the face, as long as there are any; with fewer than two annotators nothing is dealt. Whoever has
    answered a face of this queue stays asked about it, so that nothing is asked twice for nothing.

    Args:
        queue: columns asked_id, purpose.
        label: annotators, and the shares that two label, of the validation set and of the rest.
        rng: of the draw; the same one deals the same.
        voted: who has voted on a face in an earlier round, by face.
        said: who has answered a face of this queue already, by face.

    Returns:
        A row's annotators, sorted and joined by a space; "" where anyone may label.
    """
    names = sorted(label.annotators)
    if len(names) < 2:
        return [""] * len(queue)
    sizes = np.where(doubly(queue, label, rng), 2, 1)
    is_new = (queue["purpose"] != "relabel").to_numpy()
    teams = {size: list(combinations(names, size)) for size in (1, 2)}
    dealt = {team: 0 for size in teams for team in teams[size]}
    load = dict.fromkeys(names, 0)
    faces, given = queue["asked_id"].tolist(), [""] * len(queue)
    answered = [set((said or {}).get(face, ())) for face in faces]
    is_unsaid = np.array([not by for by in answered])
    # Those with least choice first: what is dealt last evens the loads out.
    for row in np.lexsort((rng.permutation(len(queue)), -sizes, is_new, is_unsaid)).tolist():
        before, by = set(voted.get(faces[row], ())), answered[row]

        def cost(
            team: tuple[str, ...], before: set[str] = before, by: set[str] = by
        ) -> tuple[int, ...]:
            return (
                -len(by & set(team)),
                len(before & set(team)),
                dealt[team] if len(team) == 2 else 0,
                sum(load[name] for name in team),
                max(load[name] for name in team),
            )

        open_teams = teams[sizes[row]]
        team = min((open_teams[place] for place in rng.permutation(len(open_teams))), key=cost)
        dealt[team] += 1
        for name in team:
            load[name] += 1
        others = [name for name in team if name not in by]
        given[row] = " ".join(sorted(by | set(others[: max(0, sizes[row] - len(by))])))
    return given


def is_dealt_otherwise(queue: pd.DataFrame, label: Label) -> bool:
    """Tell whether an open queue was dealt to others, or less often to two, than `label` says.

    Args:
        queue: columns purpose, reason, annotators.
        label: annotators, and the shares that two label.
    """
    queue = queue[queue["reason"] != IMPORTED]
    asked = queue["annotators"].str.split()
    if len(label.annotators) < 2:
        return bool(asked.map(len).any())
    is_validation = queue["purpose"] == "validation"
    parts = ((is_validation, label.validation_overlap), (~is_validation, label.overlap))
    too_few = (  # but for one: an extension is rounded by itself
        (asked[part].map(len) >= 2).sum() < round(share * part.sum()) - 1 for part, share in parts
    )
    return any(too_few) or not set(label.annotators) <= set(asked.explode())


def doubly(queue: pd.DataFrame, label: Label, rng: np.random.Generator) -> np.ndarray:
    """Draw the faces that two people label: a mask of shape (n,), each share rounded."""
    is_validation = (queue["purpose"] == "validation").to_numpy()
    drawn = np.zeros(len(queue), dtype=bool)
    for part, share in ((is_validation, label.validation_overlap), (~is_validation, label.overlap)):
        rows = rng.permutation(np.flatnonzero(part))
        drawn[rows[: round(share * len(rows))]] = True
    return drawn


def asked_of(queue: pd.DataFrame, name: str) -> pd.Series:
    """Tell of each queued face whether this person is asked: by name, or because anyone is."""
    return queue["annotators"].map(lambda names: not names or name in names.split())


def missing_votes(queue: pd.DataFrame, votes: pd.DataFrame) -> pd.Series:
    """Return, for each queued face, the names of those who are asked and have not voted.

    A face that anyone may label misses one vote, of "" (nobody in particular), until it has any.
    A vote from a truth table stands for everybody's.

    Args:
        queue: columns asked_id, annotators; of one round.
        votes: columns asked_id, annotator; of the same round.
    """
    voted = votes.groupby("asked_id")["annotator"].agg(set).to_dict()

    def missing(asked_id: str, names: str) -> list[str]:
        by = voted.get(asked_id, set())
        if any(name.startswith(TRUTH) for name in by) or (by and not names):
            return []
        return [name for name in names.split() if name not in by] if names else [""]

    rows = zip(queue["asked_id"], queue["annotators"], strict=True)
    return pd.Series([missing(*row) for row in rows], index=queue.index, dtype=object)


def is_answered(queue: pd.DataFrame, votes: pd.DataFrame) -> pd.Series:
    """Tell of each queued face whether everybody who is asked has voted."""
    return missing_votes(queue, votes).map(len) == 0
