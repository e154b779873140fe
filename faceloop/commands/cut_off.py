"""Where a command that was cut off has left its plan: apart, so that a glance costs no import."""

from pathlib import Path

PLAN = Path(".work/plan.json")
