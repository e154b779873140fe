"""`faceloop engine`: record what code results are made with from now on."""

import argparse

import yaml

from faceloop.base.atomic import replacing
from faceloop.base.code import DAG, ENGINE, digests, reached_by, recorded_digests

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
        partial.write_text(HEAD + yaml.safe_dump(nested(now)), encoding="utf-8", newline="\n")
    if not changed:
        print("engine: no code means anything else than before")
        return 0
    stages = yaml.safe_load(DAG.read_bytes())["stages"]
    stale = [stage for stage in stages if not set(changed).isdisjoint(reached_by(stage))]
    print(f"engine: {', '.join(changed)} changed")
    print(f"then: dvc repro; it will run {', '.join(stale) or 'nothing'}")
    return 0


def nested(digests: dict[str, str]) -> dict[str, object]:
    """Return digests as engine.yaml has them: those of stages.NAME under `stages`."""
    packages = {name: one for name, one in digests.items() if "." not in name}
    scripts = {name.partition(".")[2]: one for name, one in digests.items() if "." in name}
    return {**packages, "stages": scripts}
