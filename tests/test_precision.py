"""Whether a machine computes in the precision that params ask for is asked before any work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.scratch import lay_code
from faceloop.base.errors import FaceloopError
from faceloop.commands.settings import read_settings
from faceloop.weights.loading import check_precision

ROOT = Path(__file__).resolve().parents[1]
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


def contents(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize("stage", ["extract_faces", "embed"])
def test_a_processor_without_bfloat16_is_refused_in_a_sentence_before_any_work(
    project: Any, drawn: Any, stage: str
) -> None:
    shutil.copytree(drawn.root / "data", project.root / "data", dirs_exist_ok=True)
    project.set({"batches": ["drawn"], f"{stage}.precision": "bfloat16"})
    lay_code(project.root)
    before = contents(project.root)
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", "drawn"],
        env={**os.environ, **AVX2, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    sentence = r"error: precision: bfloat16 .* set it to float32 in params\.yaml, or run this .*\n"
    assert done.returncode == 2 and re.fullmatch(sentence, done.stderr)
    assert contents(project.root) == before


def test_without_onednn_there_is_no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    check_precision("float32", "cpu")
    with pytest.raises(FaceloopError, match="is not computed by this processor"):
        check_precision("bfloat16", "cpu")


@pytest.mark.parametrize("has_it", [True, False])
def test_a_gpu_is_asked_in_place_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, has_it: bool
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: not has_it)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_it)
    if has_it:
        check_precision("bfloat16", "auto")
        return
    with pytest.raises(FaceloopError, match="is not computed by this GPU"):
        check_precision("bfloat16", "auto")


@pytest.mark.parametrize("stage", ["extract_faces", "embed"])
def test_no_machine_chooses_the_precision(project: Any, stage: str) -> None:
    project.set({f"{stage}.precision": "auto"})
    with pytest.raises(FaceloopError, match=r"found 'auto'; .*'float32' or 'bfloat16'"):
        read_settings()
