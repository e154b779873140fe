"""The `faceloop` command: what people run between two runs of `dvc repro`."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from faceloop.base.errors import FaceloopError

# A command's module in this package, and the line that `faceloop --help` shows. Modules are
# imported when their command runs, so that help and status start at once.
COMMANDS = {
    "status": "where the loop stands and what to type next",
    "next": "open the next round, or with --batch the next outer iteration",
    "label": "label the queue on a page in the browser",
    "submit": "turn what was answered on the page into votes",
    "adjudicate": "settle on the page what people disagree on",
    "export": "write the queue's unanswered crops, to sort by class or for Label Studio or CVAT",
    "import": "take labels from a folder per class, a CSV, Label Studio or CVAT",
    "vote": "fill the current queue from a truth table (demos and tests)",
    "verify": "is this commit whole, and are earlier votes untouched? for people and CI",
    "finish": "verify a committed round, push its data sets and tag it",
    "rollback": "go forward to an earlier round: restore it, ready to commit",
    "gc": "free the cache of data sets that no commit names",
    "gate": "exit 0 to go on and 1 to stop, for CI",
    "report": "the round on one page, and as Markdown for its pull request",
    "release": "write the labelled faces and the model to a folder, with their cards",
    "predict": "class shares of faces in new photos and videos, by a release's model",
    "simulate": "learning curves of strategies, from labels that are there already",
    "start": "turn this clone into your own project: the demo goes",
    "draw": "draw a batch of people that do not exist",
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return 0 when done, 1 for a finding, 2 for wrong use."""
    words = sys.argv[1:] if words is None else list(words)
    parser = argparse.ArgumentParser("faceloop", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = words[0] if words else ""
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=line)
        if name == asked:
            module = importlib.import_module(f"loop.{module_of(name)}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except FaceloopError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def module_of(command: str) -> str:
    """Return the module of a command; `import` is no name for one."""
    named = {"import": "import_labels", "next": "next_round", "release": "release.command"}
    return named.get(command, command)


if __name__ == "__main__":
    sys.exit(main())
