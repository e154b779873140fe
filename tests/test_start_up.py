"""What is typed often starts at once: nothing heavy is imported before it is needed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["torch", "scipy", "sklearn", "PIL", "cleanlab", "crowdkit", "dvc"]
RUN = f"""
import sys
from loop.cli import main
try:
    main(sys.argv[1:])
finally:
    print("imported:", *[name for name in {HEAVY + ["pandas"]} if name in sys.modules])
"""


def imported_by(word: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", RUN, word],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_help_imports_not_even_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert imported_by("--help") == "imported:"


def test_status_imports_pandas_alone(second_round: Any) -> None:
    assert imported_by("status") == "imported: pandas"
