"""`faceloop label`: the labelling page, on this machine alone."""

import argparse
import socket
import threading
import webbrowser

from loop.state import read_state
from stages.core.errors import FaceloopError

HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take who labels, and where the page is."""
    parser.add_argument(
        "--as",
        dest="annotators",
        action="append",
        required=True,
        metavar="NAME",
        help="who labels; once for each person who labels at the same time",
    )
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--no-browser", action="store_true", help="print the links only")


def run(arguments: argparse.Namespace) -> int:
    """Serve the candidate round's queue until Ctrl-C; say then how far everybody got.

    Raises:
        FaceloopError: the extra is not installed, no queue or crop is here, the port is taken, or
            another server holds somebody's draft.
    """
    try:
        from loop.page.guard import Keys
        from loop.page.pictures import Pictures
        from loop.page.server import make_app, serve
        from loop.page.session import open_sessions
    except ModuleNotFoundError as error:
        raise FaceloopError(f"{error.name} is missing: pip install 'faceloop[label]'") from error
    state, names = read_state(), arguments.annotators
    pictures, keys = Pictures(state.queue, state.settings), Keys(names)
    listening = listen(arguments.port)
    sessions = open_sessions(state.settings, state.queue, names)
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    for name in names:
        print(f"{name}: {address}{keys.link(name)}")
    print("stop with Ctrl-C: an answer is on disk before the page calls it saved", flush=True)
    if not arguments.no_browser:
        open_browser(address + keys.link(names[0]))
    serve(make_app(sessions, pictures, keys), listening)
    for name, session in sessions.items():
        answered, total = session.progress()
        print(f"label: {name} answered {answered} of {total} faces of {state.candidate}")
        session.close()
    print(f"then: {'; '.join(f'faceloop submit --as {name}' for name in names)}")
    return 0


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
