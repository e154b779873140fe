"""Changing values of params.yaml: every other byte of the file stays as people wrote it."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from faceloop.base.atomic import replacing
from faceloop.base.errors import FaceloopError
from faceloop.base.params import PARAMS
from faceloop.commands.settings import read_settings
from faceloop.commands.yaml_writer import dump_yaml


def edit_params(values: Mapping[str, Any]) -> None:
    """Set params by dotted key; the file is written only if it is still valid.

    Raises:
        FaceloopError: a key is not there, or the result is no valid params.yaml; the file stays as
            it was.
    """
    text = PARAMS.read_bytes().decode()  # line ends as they are
    for key, value in values.items():
        text = with_value(text, key, value)
    with replacing(PARAMS) as partial:
        partial.write_bytes(text.encode())
        read_settings(partial)


def with_value(text: str, key: str, value: Any) -> str:
    """Return YAML with another value, a list or what is no collection, at a dotted key.

    A list that gets longer keeps its style, its comments and what it held.

    Raises:
        FaceloopError: the key is not there.
    """
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    after_key = 0
    for name in key.split("."):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next((pair for pair in pairs if pair[0].value == name), None)
        if found is None:
            raise FaceloopError(f"{PARAMS}: {key}: this key is missing; add it")
        after_key, node = found[0].end_mark.index, found[1]
    if isinstance(node, yaml.SequenceNode) and node.value:
        return _with_items(text, node, value, after_key)
    start, end = node.start_mark.index, node.end_mark.index
    space = " " if start == end else ""  # behind a colon that nothing follows
    return f"{text[:start]}{space}{dump_yaml(value, flow=True)}{text[end:]}"


def _with_items(text: str, node: Any, items: Sequence[Any], after_key: int) -> str:
    """Return YAML with other items in a list that is not empty."""
    old = [item.value for item in node.value]
    start, end = node.start_mark.index, node.value[-1].end_mark.index
    new = [dump_yaml(item, flow=True) for item in items]
    grows = list(items[: len(old)]) == old
    if node.flow_style:
        if grows:
            return text[:end] + "".join(f", {item}" for item in new[len(old) :]) + text[end:]
        return f"{text[:start]}[{', '.join(new)}]{text[node.end_mark.index :]}"
    start = text.rfind("\n", 0, start) + 1
    dash = text[start : text.index("-", start)] + "- "
    newline = text.find("\n", end)
    if newline < 0:
        text, newline = f"{text}\n", len(text)
    end = newline + 1
    return_ = "\r" if text[newline - 1] == "\r" else ""
    if not new:
        colon = text.index(":", after_key) + 1
        return f"{text[:colon]} []{text[colon:start]}{text[end:]}"
    start, new = (end, new[len(old) :]) if grows else (start, new)
    return text[:start] + "".join(f"{dash}{item}{return_}\n" for item in new) + text[end:]
