"""The `faceloop` command: what people run between two runs of `dvc repro`."""

from pathlib import Path

PLAN = Path(".work/plan.json")  # of a command that was cut off: the next one finishes it
