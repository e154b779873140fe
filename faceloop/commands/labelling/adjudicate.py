"""`faceloop adjudicate`: settle, on the page, the faces that people disagree on."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from faceloop.commands.labelling.label import add_page_arguments, serve_page
from faceloop.commands.rounds.drafts import ADJUDICATION, read_draft
from faceloop.commands.rounds.history import read_conflicts
from faceloop.commands.rounds.state import next_step, read_state
from faceloop.labels.vote_files import check_writer

if TYPE_CHECKING:
    from faceloop.commands.labelling.page.session import Sitting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take who settles, and where the page is."""
    parser.add_argument("--as", dest="annotator", required=True, metavar="NAME", help="who settles")
    parser.add_argument(
        "--self",
        dest="with_own",
        action="store_true",
        help="also faces that this person voted on: where there is nobody else",
    )
    add_page_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve the conflicts of all rounds up to the candidate until Ctrl-C.

    Raises:
        FaceloopError: as `faceloop label`.
    """
    from faceloop.commands.labelling.page.reviews import Adjudication

    name = arguments.annotator
    check_writer(name)
    state = read_state()
    found = read_conflicts(state)
    # What somebody else has settled meanwhile stays, to be taken back, until it is submitted.
    said = state.said.adjudications
    mine = set(read_draft(ADJUDICATION, name)["asked_id"])
    mine -= set(said.loc[said["adjudicator"] == name, "asked_id"])
    is_here = found.every["asked_id"].isin([*found.open["asked_id"], *mine])
    waiting = found.every[is_here].drop_duplicates("asked_id")
    own = waiting["voters"].map(lambda voters: name in voters).astype(bool)
    if own.any() and not arguments.with_own:
        print(f"adjudicate: left out {own.sum()} faces that {name} voted on; --self takes them in")
        waiting = waiting[~own]
    if waiting.empty:
        print(f"adjudicate: no face waits for {name}")
        print(f"then: {next_step(state)}")
        return 0

    def sittings() -> Mapping[str, "Sitting"]:
        return {name: Adjudication(state.settings, waiting, name)}

    return serve_page([name], state, waiting, sittings, arguments)
