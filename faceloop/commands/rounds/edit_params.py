"""Changing params.yaml with its comments kept."""

from collections.abc import Callable
from typing import Any

from ruamel.yaml import YAML

from faceloop.base.atomic import replacing
from faceloop.base.params import PARAMS
from faceloop.commands.settings import read_settings


def edit_params(change: Callable[[Any], None]) -> None:
    """Let `change` alter the parsed file; write it only if it is still valid.

    Raises:
        FaceloopError: the result is no valid params.yaml; the file stays as it was.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    content = yaml.load(PARAMS.read_text(encoding="utf-8"))
    change(content)
    with replacing(PARAMS) as partial:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            yaml.dump(content, file)
        read_settings(partial)
