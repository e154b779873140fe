"""The `faceloop` command: what people run between two runs of `dvc repro`."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from faceloop.base.errors import FaceloopError
from faceloop.commands.cut_off import PLAN

# A command's module in this package, and the line that `faceloop --help` shows. Modules are
# imported when their command runs, so that help and status start at once.
COMMANDS = {
    "status": ("rounds.status", "where the loop stands and what to type next"),
    "next": ("rounds.next_round", "open the next round, or with --batch the next outer iteration"),
    "label": ("labelling.label", "label the queue on a page in the browser"),
    "submit": ("labelling.submit", "turn what was answered on the page into votes"),
    "adjudicate": ("labelling.adjudicate", "settle on the page what people disagree on"),
    "export": (
        "exchange.export",
        "write the queue's unanswered crops, to sort by class or for Label Studio or CVAT",
    ),
    "import": (
        "exchange.import_labels",
        "take labels from a folder per class, a CSV, Label Studio or CVAT",
    ),
    "vote": ("labelling.vote", "fill the current queue from a truth table (demos and tests)"),
    "verify": (
        "repository.verify",
        "is this commit whole, and are earlier votes untouched? for people and CI",
    ),
    "finish": ("rounds.finish", "verify a committed round, push its data sets and tag it"),
    "rollback": (
        "repository.rollback",
        "go forward to an earlier round: restore it, ready to commit",
    ),
    "gc": ("repository.gc", "free the cache of data sets that no commit names"),
    "gate": ("rounds.exit_code", "exit 0 to go on and 1 to stop, for CI"),
    "engine": ("engine", "record what code results are made with, after an upgrade or an edit"),
    "report": ("report.report", "the round on one page, and as Markdown for its pull request"),
    "release": (
        "release.release",
        "write the labelled faces and the model to a folder, with their cards",
    ),
    "predict": (
        "release.predict",
        "class shares of faces in new photos and videos, by a release's model",
    ),
    "simulate": (
        "simulation.simulate",
        "learning curves of strategies, from labels that are there already",
    ),
    "init": ("project.init", "make a project of your own in a new folder"),
    "start": ("rounds.start", "turn this clone into your own project: the demo goes"),
    "draw": ("draw", "draw a batch of people that do not exist"),
}
ONCE = ("start", "next")  # of these a second run would go a step further


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return 0 when done, 1 for a finding, 2 for wrong use."""
    words = sys.argv[1:] if words is None else list(words)
    parser = argparse.ArgumentParser("faceloop", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = words[0] if words else ""
    for name, (module_name, line) in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=line)
        if name == asked:
            module = importlib.import_module(f"faceloop.commands.{module_name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    try:
        if PLAN.is_file():
            from faceloop.commands.journal import finish_cut_off

            if finish_cut_off() == words and asked in ONCE:
                return 0
        return int(arguments.run(arguments))
    except FaceloopError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
