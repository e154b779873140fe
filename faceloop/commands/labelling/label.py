"""`faceloop label`: the labelling page, on this machine alone."""

import argparse
import socket
import threading
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from faceloop.base.errors import FaceloopError
from faceloop.commands.rounds.state import State, next_step, read_state
from faceloop.labels.vote_files import check_writer

if TYPE_CHECKING:
    from faceloop.commands.labelling.page.session import Sitting

HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take who labels, what, and where the page is."""
    parser.add_argument(
        "--as",
        dest="annotators",
        action="append",
        required=True,
        metavar="NAME",
        help="who labels; once for each person who labels at the same time",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="look over what others have labelled, a page of one class at a time",
    )
    add_page_arguments(parser)


def add_page_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where the page is."""
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--no-browser", action="store_true", help="print the links only")


def run(arguments: argparse.Namespace) -> int:
    """Serve the candidate round's queue, or labelled faces to check, until Ctrl-C.

    Raises:
        FaceloopError: the extra is not installed, no queue or crop is here, the port is taken, or
            another server holds somebody's draft.
    """
    state, names = read_state(), arguments.annotators
    if len({name.lower() for name in names}) < len(names):
        raise FaceloopError("--as: the same name twice; each person needs their own")
    if arguments.check:
        return check(state, names, arguments)

    def sessions() -> Mapping[str, "Sitting"]:
        from faceloop.commands.labelling.page.session import open_sessions

        return open_sessions(state.settings, state.queue, names)

    return serve_page(names, state, state.queue, sessions, arguments)


def check(state: State, names: Sequence[str], arguments: argparse.Namespace) -> int:
    """Serve labelled faces that these people have not voted on, until Ctrl-C."""
    from faceloop.commands.labelling.checkable import read_checkable

    for name in names:
        check_writer(name)
    faces = {name: read_checkable(state, name) for name in names}
    if all(table.empty for table in faces.values()):
        print(f"label: no labelled face waits for a check by {' or '.join(names)}")
        return 0

    def checks() -> Mapping[str, "Sitting"]:
        from faceloop.commands.labelling.page.reviews import Check

        return {name: Check(state.settings, faces[name], name) for name in names}

    return serve_page(names, state, pd.concat(list(faces.values())), checks, arguments)


def serve_page(
    names: Sequence[str],
    state: State,
    faces: pd.DataFrame,
    open_sittings: Callable[[], Mapping[str, "Sitting"]],
    arguments: argparse.Namespace,
) -> int:
    """Serve people their sittings until Ctrl-C; say then how far everybody got.

    Args:
        names: who sits.
        state: of the loop.
        faces: queue rows of all faces that may be shown.
        open_sittings: gives each person's sitting, by name.
        arguments: port and no_browser.

    Raises:
        FaceloopError: as `run`.
    """
    from faceloop.commands.labelling.page.guard import Keys
    from faceloop.commands.labelling.page.pictures import Pictures
    from faceloop.commands.labelling.page.server import make_app, serve

    pictures, keys = Pictures(faces, state.settings), Keys(names)
    listening = listen(arguments.port)
    sittings = open_sittings()
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    for name in names:
        print(f"{name}: {address}{keys.link(name)}")
    print("stop with Ctrl-C: an answer is on disk before the page calls it saved", flush=True)
    if not arguments.no_browser:
        open_browser(address + keys.link(names[0]))
    serve(make_app(sittings, pictures, keys), listening)
    tell_end(sittings)
    return 0


def tell_end(sittings: Mapping[str, "Sitting"]) -> None:
    """Close the drafts; say how far everybody got, and what they are to type."""
    for name, sitting in sittings.items():
        answered, total = sitting.progress()
        print(f"{sitting.command}: {name} answered {answered} of {total} faces of {sitting.title}")
        sitting.close()
    print(f"then: {next_step(read_state())}")


def open_browser(link: str) -> None:
    """Open the default browser; one that runs in the terminal does not hold up the server."""
    threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone.

    Raises:
        FaceloopError: the port is taken.
    """
    # Named as TCP, or asyncio leaves Nagle's delay on: 40 ms a crop.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise FaceloopError(f"--port {port}: {error}; leave --port out for a free one") from error
    listening.listen()
    return listening
