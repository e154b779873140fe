"""`faceloop finish`: a round that is committed is checked, its data pushed, and tagged."""

import argparse

from faceloop.base.errors import FaceloopError
from faceloop.commands.journal import sole_writer
from faceloop.commands.repository.dvc import run_dvc
from faceloop.commands.repository.git import HISTORY, asks_git, round_tags, run_git
from faceloop.commands.repository.verify import all_findings, commit_checks, remote_findings
from faceloop.commands.rounds.state import next_step, read_state


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what labels are compared with."""
    parser.add_argument(
        "--base", metavar="REV", help="what labels are compared with (default: the main branch)"
    )


@sole_writer("finish")
def run(arguments: argparse.Namespace) -> int:
    """Verify, push data and run cache, see that nothing is missing there, tag; again is no harm.

    Raises:
        FaceloopError: the round is not answered yet, or the push failed.
    """
    state = read_state()
    if state.queue.empty or state.unanswered or state.is_behind:
        raise FaceloopError(f"{state.candidate} is not finished: {next_step(state)}")
    findings = all_findings(commit_checks(arguments.base, has_data=True))
    if not findings:
        run_dvc("push", "--run-cache")
        findings = all_findings([remote_findings])
    for line in findings:
        print(f"- {line}")
    if findings:
        return 1
    print(f"finish: {state.candidate} is pushed and has the tag {tag_round(state.candidate)}")
    print(f"then: git push --follow-tags; {next_step(state)}")
    return 0


def tag_round(name: str) -> str:
    """Tag this commit as a round, unless a tag of the round holds the same; return the tag.

    No tag is ever moved: a round finished anew, after a correction or a roll-back, is `NAME.2`.
    """
    tags = [tag for tag in round_tags() if tag.partition(".")[0] == name]
    for tag in tags:
        if asks_git("diff", "--quiet", tag, "HEAD", "--", *HISTORY):
            return tag
    tag = f"{name}.{len(tags) + 1}" if tags else name
    run_git("tag", "--annotate", "--message", f"Round {name}", tag)
    return tag
