"""Dealing a round's queue out to the people that params.yaml names, also anew."""

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.base.randomness import generator
from faceloop.commands.rounds.drafts import DRAFTS_DIR, read_draft
from faceloop.commands.rounds.state import State, next_step, read_state
from faceloop.labels.assignment import assign_annotators
from faceloop.labels.columns import IMPORTED
from faceloop.labels.params import TRUTH
from faceloop.labels.vote_files import queue_path, write_queue

Names = dict[str, set[str]]  # by asked_id


def deal_out(
    rows: pd.DataFrame, name: str, state: State, said: Names | None = None
) -> pd.DataFrame:
    """Return rows of a round's queue with the people who are asked, by `label` of params.yaml.

    Args:
        rows: columns asked_id, purpose and others, which stay.
        name: the round.
        state: of the loop.
        said: who has answered which of the faces in this round.
    """
    votes = state.said.votes
    voted = names_by_face(votes[votes["round"] != name])
    rng = generator(state.settings.seed, "assign", name)
    return rows.assign(annotators=assign_annotators(rows, state.settings.label, rng, voted, said))


def deal_anew(state: State) -> int:
    """Deal the candidate's queue out anew; whoever has answered a face stays asked about it.

    Raises:
        FaceloopError: no queue is open.
    """
    name = state.candidate
    if state.queue.empty:
        raise FaceloopError(f"{name} has no queue to deal out: {next_step(state)}")
    drafts = [
        read_draft(name, path.stem).assign(annotator=path.stem)
        for path in sorted((DRAFTS_DIR / name).glob("*.jsonl"))
    ]
    given = pd.concat([state.votes, *drafts])
    is_persons = ~given["annotator"].str.startswith(TRUTH)
    picked = state.queue[state.queue["reason"] != IMPORTED]
    dealt = deal_out(picked, name, state, names_by_face(given[is_persons]))
    write_queue(pd.concat([dealt, state.queue.drop(index=picked.index)]).sort_index(), name)
    after = read_state()
    left = ", ".join(f"{one} {number}" for one, number in after.left.items())
    print(f"next: {queue_path(name)} is dealt out anew; left: {left or 'anyone may label'}")
    print(f"then: {next_step(after)}")
    return 0


def names_by_face(votes: pd.DataFrame) -> Names:
    """Return who said something of each face."""
    return {str(face): set(by) for face, by in votes.groupby("asked_id")["annotator"]}
