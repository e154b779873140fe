"""`faceloop submit`: what a person answered on the page becomes rows under labels/."""

import argparse
from collections.abc import Collection

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.commands.journal import sole_writer, together
from faceloop.commands.rounds.drafts import ADJUDICATION, CHECK, draft_path, read_draft
from faceloop.commands.rounds.history import read_conflicts, read_said
from faceloop.commands.rounds.state import State, next_step, read_state
from faceloop.labels.adjudication_files import (
    adjudication_path,
    with_adjudications,
    write_adjudications,
)
from faceloop.labels.assignment import asked_of
from faceloop.labels.columns import NOT_A_FACE, UNRESOLVED, UNSURE
from faceloop.labels.vote_files import check_writer, votes_path, with_votes, write_votes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take whose answers these are."""
    parser.add_argument("--as", dest="annotator", required=True, metavar="NAME", help="who")


@sole_writer("submit")
def run(arguments: argparse.Namespace) -> int:
    """Write the drafts' answers: votes, checks and adjudications; the drafts stay.

    Raises:
        FaceloopError: nothing is answered, an answer is no class of params.yaml any more, or what
            is written already says otherwise of a face; then nothing is written.
    """
    name = arguments.annotator
    check_writer(name)
    state = read_state()
    queued = read_queued(name, state)
    checked = read_allowed(CHECK, name, state)
    decided = read_allowed(ADJUDICATION, name, state)
    if queued.empty and checked.empty and decided.empty:
        raise FaceloopError(
            f"{name} has answered nothing in {state.candidate}: faceloop label --as {name}"
        )
    # All checks come before the first byte is written.
    votes, gone = votes_by_round(queued, checked, state)
    classes = state.settings.classes
    merged = {one: with_votes(one, name, rows, classes) for one, rows in votes.items()}
    settled, over = decisions_by_round(decided, name, state)
    added = {one: with_adjudications(one, rows, classes) for one, rows in settled.items()}
    with together():
        for round_name, table in merged.items():
            write_votes(round_name, name, table)
        for round_name, table in added.items():
            write_adjudications(round_name, table)
    for round_name, table in merged.items():
        print(f"submit: {tell_votes(round_name, name, table, state)}")
    for round_name, rows in settled.items():
        path = adjudication_path(round_name)
        print(f"submit: {len(rows)} faces settled by {name} in {path}")
    if gone:
        print(f"- passed over: {gone} answers about faces that left the queue")
    if over:
        print(f"- passed over: {over} decisions on faces that nobody disagrees on any more")
    print(f"then: {next_step(read_state())}")
    return 0


def read_queued(name: str, state: State) -> pd.DataFrame:
    """Return a person's answers about the queues, with their round.

    Those of an earlier round are what they did not submit while it was open: what stands in their
    file there counts.
    """
    votes = state.said.votes[state.said.votes["annotator"] == name]
    found = []
    for title in sorted({*state.said.queues["round"], state.candidate}):
        given = votes.loc[votes["round"] == title, "asked_id"]
        answers = read_allowed(title, name, state, [] if title == state.candidate else given)
        found.append(answers.assign(round=title))
    return pd.concat(found)


def read_allowed(
    title: str, name: str, state: State, but: Collection[str] | pd.Series = ()
) -> pd.DataFrame:
    """Return a draft's answers, but for those about some faces.

    Raises:
        FaceloopError: one of them is not allowed.
    """
    allowed = [*state.settings.classes, UNSURE, NOT_A_FACE]
    allowed += [UNRESOLVED] if title == ADJUDICATION else []
    answers = read_draft(title, name)
    answers = answers[~answers["asked_id"].isin(list(but))]
    for answer in answers[~answers["label"].isin(allowed)].itertuples():
        raise FaceloopError(
            f"{draft_path(title, name)}: face {answer.asked_id} is {answer.label!r}; "
            f"allowed: {', '.join(allowed)}; put the class back in params.yaml, or answer it anew"
        )
    return answers


def votes_by_round(
    queued: pd.DataFrame, checked: pd.DataFrame, state: State
) -> tuple[dict[str, pd.DataFrame], int]:
    """Return the votes of each round that faces are of, and how many answers are of no queue.

    Raises:
        FaceloopError: a face has one label from the queue and another from the check.
    """
    rounds = [queued.merge(state.said.queues[["round", "asked_id"]], on=["round", "asked_id"])]
    if len(checked):
        asked = read_said(state).asked[["asked_id", "round"]].drop_duplicates("asked_id")
        rounds.append(checked.merge(asked, on="asked_id"))
    votes = pd.concat(rounds)
    several = votes.groupby(["round", "asked_id"])["label"].transform("nunique") > 1
    for vote in votes[several].itertuples():
        raise FaceloopError(
            f"face {vote.asked_id} has two labels of yours, one from the queue and one from the "
            "check: take one back on its page, with Backspace"
        )
    by_round = {str(name): rows for name, rows in votes.groupby("round", sort=True)}
    return by_round, len(queued) + len(checked) - len(votes)


def decisions_by_round(
    decisions: pd.DataFrame, name: str, state: State
) -> tuple[dict[str, pd.DataFrame], int]:
    """Return the adjudications of each round, and how many are of faces without a conflict."""
    if decisions.empty:
        return {}, 0
    every = read_conflicts(state).every[["asked_id", "round"]].drop_duplicates("asked_id")
    rows = decisions.assign(adjudicator=name).merge(every, on="asked_id")
    by_round = {str(one): table for one, table in rows.groupby("round", sort=True)}
    return by_round, len(decisions) - len(rows)


def tell_votes(round_name: str, name: str, votes: pd.DataFrame, state: State) -> str:
    """Return what stands in a person's vote file now, and what they are still asked."""
    told = f"{len(votes)} votes by {name} in {votes_path(round_name, name)}"
    if round_name != state.candidate:
        return told
    asked = state.queue.loc[asked_of(state.queue, name), "asked_id"]
    return f"{told}; {(~asked.isin(votes['asked_id'])).sum()} faces without their answer"
