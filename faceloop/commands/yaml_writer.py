"""Writing YAML that means the same by its versions 1.1 and 1.2, of which programs read either."""

from typing import Any

import yaml
from ruamel.yaml.resolver import implicit_resolvers


class Quoting(yaml.SafeDumper):
    """Puts quotes around text that one of the versions takes for something else."""


for _, tag, pattern, first in implicit_resolvers:
    Quoting.add_implicit_resolver(tag, pattern, first)


def dump_yaml(content: Any, flow: bool = False) -> str:
    """Return content as YAML: a key a line, or on one line."""
    text: str = yaml.dump(
        content, Dumper=Quoting, default_flow_style=flow, allow_unicode=True, width=10**9
    )
    return text.removesuffix("...\n").strip() if flow else text
