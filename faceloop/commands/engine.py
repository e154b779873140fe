"""`faceloop engine`: record what code results are made with from now on."""

import argparse

from faceloop.base.atomic import replacing
from faceloop.base.code import (
    ENGINE,
    LIBRARY,
    STAGES,
    WITHOUT_RESULT,
    digest_of,
    reached_by,
    recorded_digests,
    stages,
)
from faceloop.commands.yaml_writer import dump_yaml

HEAD = """\
# What code the results in dvc.lock were made with: a digest of what each package means, comments
# and layout left out. Written by `faceloop engine`; dvc.yaml names, a stage, what it reaches.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no argument."""


def run(arguments: argparse.Namespace) -> int:
    """Write engine.yaml; tell what changed, and which stages `dvc repro` will therefore run."""
    before, now = recorded_digests(), digests()
    changed = sorted(name for name in now if before.get(name) != now[name])
    with replacing(ENGINE) as partial:
        partial.write_text(HEAD + dump_yaml(nested(now)), encoding="utf-8", newline="\n")
    if not changed:
        print("engine: no code means anything else than before")
        return 0
    print(f"engine: {', '.join(changed)} changed")
    to_run = [stage for stage in stages() if not set(changed).isdisjoint(reached_by(stage))]
    print(f"then: dvc repro; it will run {', '.join(to_run) or 'nothing'}")
    return 0


def digests() -> dict[str, str]:
    """Return the digest of each package, and of each stage's script as `stages.NAME`."""
    packages = {path.parent.name: path.parent for path in LIBRARY.glob("*/__init__.py")}
    scripts = {f"stages.{path.stem}": path for path in STAGES.glob("*.py")}
    code = {**packages, **scripts}
    left_out = (*WITHOUT_RESULT, "stages.__init__")
    return {name: digest_of(code[name]) for name in sorted(code) if name not in left_out}


def nested(digests: dict[str, str]) -> dict[str, object]:
    """Return digests as engine.yaml has them: those of stages.NAME under `stages`."""
    packages = {name: one for name, one in digests.items() if "." not in name}
    scripts = {name.partition(".")[2]: one for name, one in digests.items() if "." in name}
    return {**packages, "stages": scripts}
