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
from faceloop.commands.cli import main
try:
    main(sys.argv[1:])
finally:
    print("imported:", *[name for name in {HEAVY + ["pandas"]} if name in sys.modules])
"""


def python(*words: str, **environment: str) -> str:
    """Return what a Python that runs these words, the first a programme, has printed."""
    done = subprocess.run(
        [sys.executable, "-c", *words],
        env={"PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def imported_by(word: str) -> str:
    return python(RUN, word).splitlines()[-1]


HEAVY_FOR_A_STAGE = ["torch", "torchvision", "sklearn", "crowdkit", "matplotlib", "dvc"]
LITTLE = [path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__"]
LITTLE = sorted({*LITTLE} - {"embed"})  # which learns from the network itself how it is run


@pytest.mark.parametrize("stage", LITTLE)
def test_a_stage_that_computes_little_imports_little(stage: str) -> None:
    found = f"print(*[name for name in {HEAVY_FOR_A_STAGE} if name in sys.modules])"
    done = python(f"import sys, stages.{stage}; {found}")
    assert done.split() == []


def test_a_stage_computes_on_one_thread() -> None:
    done = python(
        "import numpy as np\n"
        "from threadpoolctl import threadpool_info\n"
        "from faceloop.base import console\n"
        "console.check_engine = lambda stage: None\n"
        "console.run_stage(lambda: print(*[one['num_threads'] for one in threadpool_info()]))",
        OMP_NUM_THREADS="2",
        OPENBLAS_NUM_THREADS="2",
    )
    assert set(done.split()) == {"1"}


def test_help_imports_not_even_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert imported_by("--help") == "imported:"


def test_status_imports_pandas_alone(second_round: Any) -> None:
    assert imported_by("status") == "imported: pandas"
