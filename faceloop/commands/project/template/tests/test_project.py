"""The project's own rules: votes of earlier commits are untouched, and results are of this code."""

from faceloop.commands.cli import main


def test_the_commit_is_whole() -> None:
    assert main(["verify", "--no-data", "--no-remote"]) == 0
