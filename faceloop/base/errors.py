"""The one error that people are meant to read."""


class FaceloopError(Exception):
    """What was found, where (file and row), and what mends it; ends a command with exit code 2."""
