"""`faceloop submit`: what a person answered on the page becomes their vote file."""

import argparse

from loop.page.drafts import draft_path, read_draft
from loop.state import next_step, read_state
from stages.core.errors import FaceloopError
from stages.core.records import NOT_A_FACE, UNSURE
from stages.files.labels import check_annotator, votes_path, with_votes, write_votes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take whose answers these are."""
    parser.add_argument("--as", dest="annotator", required=True, metavar="NAME", help="who")


def run(arguments: argparse.Namespace) -> int:
    """Write the draft's answers as votes of the candidate round; the draft stays.

    Raises:
        FaceloopError: nothing is answered, an answer is no class of params.yaml any more, or the
            vote file says otherwise of a face.
    """
    name = arguments.annotator
    check_annotator(name)
    state = read_state()
    votes = read_draft(state.candidate, name)
    if votes.empty:
        raise FaceloopError(
            f"{name} has answered nothing in {state.candidate}: faceloop label --as {name}"
        )
    allowed = [*state.settings.classes, UNSURE, NOT_A_FACE]
    for vote in votes[~votes["label"].isin(allowed)].itertuples():
        raise FaceloopError(
            f"{draft_path(state.candidate, name)}: face {vote.face_id} is {vote.label!r}; "
            f"allowed: {', '.join(allowed)}; put the class back in params.yaml, or answer it anew"
        )
    queued = votes["face_id"].isin(state.queue["face_id"])
    merged = with_votes(state.candidate, name, votes[queued], state.settings.classes)
    write_votes(state.candidate, name, merged)
    left = len(state.queue) - len(merged)
    path = votes_path(state.candidate, name)
    print(f"submit: {len(merged)} votes by {name} in {path}; {left} faces without their answer")
    if not queued.all():
        print(f"- passed over: {(~queued).sum()} answers about faces that left the queue")
    print(f"then: {next_step(read_state())}")
    return 0
