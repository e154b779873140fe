"""The house: imports run one way, and dvc.yaml names all that a stage's results depend on."""

import ast
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from faceloop.base.params import read_params
from stages import (
    balance,
    embed,
    eval_iteration,
    eval_overfit,
    eval_shadow,
    extract_faces,
    gate,
    link_duplicates,
    merge_labels,
    sample_diverse,
    sample_relabel,
    sample_uncertain,
    sample_validation,
    train,
)

ROOT = Path(__file__).resolve().parents[1]
STAGES = [
    "extract_faces",
    "embed",
    "link_duplicates",
    "merge_labels",
    "train",
    "eval_overfit",
    "eval_iteration",
    "eval_shadow",
    "gate",
    "balance",
    "sample_validation",
    "sample_uncertain",
    "sample_diverse",
    "sample_relabel",
]
CORE = sorted((ROOT / "stages/core").glob("*.py"))
FILES = sorted((ROOT / "stages/files").glob("*.py"))
LOOP = sorted((ROOT / "loop").rglob("*.py"))
ENGINES = sorted((ROOT / "stages/engines").glob("*.py"))
SHARDS = sorted((ROOT / "stages/shards").glob("*.py"))
BELOW = ("stages.core.", "stages.files.", "stages.engines.")
OPEN_TO_FILES = {f"stages.core.{name}" for name in ("errors", "records", "settings", "rounds")}
MAINS = (
    extract_faces,
    embed,
    link_duplicates,
    merge_labels,
    train,
    eval_overfit,
    eval_iteration,
    eval_shadow,
    gate,
    balance,
    sample_validation,
    sample_uncertain,
    sample_diverse,
    sample_relabel,
)
# Read, and no result changes with it.
ENGINE = ("name", "workers", "address")
READ_BUT_NOT_IN_A_RESULT = {
    ("extract_faces", "batches"),
    *((stage, f"engine.{key}") for stage in ("extract_faces", "embed") for key in ENGINE),
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return the modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = (ROOT / inner.replace(".", "/")).with_suffix(".py").is_file()
                found.add(inner if is_module else str(node.module))
    return frozenset(found)


def ours(path: Path) -> set[str]:
    return {name for name in imports_of(path) if name.split(".")[0] in ("stages", "loop", "tests")}


def reached_by(stage: str) -> set[str]:
    """Return the files of ours that a stage's file imports, at any depth, and itself."""
    reached, waiting = set(), [f"stages.{stage}"]
    while waiting:
        name = waiting.pop()
        path = f"{name.replace('.', '/')}.py"
        if path not in reached:
            reached.add(path)
            waiting += ours(ROOT / path)
    return reached


def dag() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_imports_only_core(path: Path) -> None:
    assert all(name.startswith("stages.core.") for name in ours(path))


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_knows_no_file_no_clock_and_no_global_chance(path: Path) -> None:
    outside = {name.split(".")[0] for name in imports_of(path)}
    barred = {"os", "io", "pathlib", "shutil", "tempfile", "time", "datetime", "random", "logging"}
    assert not outside & (barred | {"subprocess", "sys"})
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input"), f"{path}:{node.lineno}"
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "random"):
            assert node.attr in ("Generator", "default_rng"), f"{path}:{node.lineno}"
        assert not isinstance(node, ast.Global), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_import_only_files_and_the_contracts_of_core(path: Path) -> None:
    strange = {name for name in ours(path) if not name.startswith("stages.files.")}
    assert strange <= OPEN_TO_FILES


@pytest.mark.parametrize("path", ENGINES, ids=lambda path: path.stem)
def test_engines_know_only_themselves_and_the_contracts_of_core(path: Path) -> None:
    strange = {name for name in ours(path) if not name.startswith("stages.engines.")}
    assert strange <= OPEN_TO_FILES


@pytest.mark.parametrize("path", SHARDS, ids=lambda path: path.stem)
def test_shards_import_only_core_files_and_engines(path: Path) -> None:
    assert all(name.startswith(BELOW) for name in ours(path))


@pytest.mark.parametrize("stage", STAGES)
def test_stages_import_only_what_lies_below(stage: str) -> None:
    names = ours(ROOT / f"stages/{stage}.py")
    assert all(name.startswith((*BELOW, "stages.shards.")) for name in names)


@pytest.mark.parametrize("path", LOOP, ids=name_of)
def test_loop_imports_only_core_files_and_loop(path: Path) -> None:
    assert all(name.startswith((*BELOW, "loop.")) for name in ours(path))


def test_nothing_imports_a_stage() -> None:
    stages = {f"stages.{name}" for name in STAGES}
    everything = [*(ROOT / "stages").rglob("*.py"), *LOOP]
    assert not [path for path in everything if imports_of(path) & stages]


def test_dvc_yaml_has_the_stages_in_reading_order() -> None:
    assert list(dag()) == STAGES


def test_every_file_in_stages_is_a_stage() -> None:
    files = {path.stem for path in (ROOT / "stages").glob("*.py")}
    assert files - {"__init__"} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_file_command_and_params_block(stage: str) -> None:
    block = dag()[stage]
    assert block["cmd"].split()[:3] == ["python", "-m", f"stages.{stage}"]
    assert f"stages/{stage}.py" in block["deps"]
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    own = [name for name in block["params"] if name == stage]
    assert (stage in params) == bool(own), "a block of params.yaml and its stage go together"
    # Both models are trained alike, and the gate's thresholds are no params of training.
    assert "gate" not in block["params"] or stage == "gate"


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_just_the_modules_that_a_stage_imports(stage: str) -> None:
    declared = {dep for dep in dag()[stage]["deps"] if str(dep).endswith(".py")}
    assert declared == reached_by(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_data_deps_are_outs_of_earlier_stages_or_come_from_people(stage: str) -> None:
    made: set[str] = {"data/raw/${item.batch}", "data/sources", "labels", "models/embedders"}
    for name, block in dag().items():
        if name == stage:
            break
        for out in [*block.get("outs", []), *block.get("metrics", [])]:
            path = out if isinstance(out, str) else next(iter(out))
            made |= {path, Path(path).parent.as_posix()}
            for which in ("accepted", "candidate"):
                made.add(path.replace("${item.round}", f"${{rounds.{which}}}"))
    data = {dep for dep in dag()[stage]["deps"] if not str(dep).endswith(".py")}
    assert data <= made


@pytest.mark.parametrize("stage", STAGES)
def test_main_is_short(stage: str) -> None:
    tree = ast.parse((ROOT / f"stages/{stage}.py").read_text(encoding="utf-8"))
    (main,) = [node for node in tree.body if getattr(node, "name", "") == "main"]
    assert main.end_lineno - main.lineno < 60


def test_no_file_is_over_400_lines() -> None:
    for path in [*(ROOT / "stages").rglob("*.py"), *LOOP]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


class Recorder:
    """Settings that note the dotted name of every param that is read through them."""

    def __init__(self, block: BaseModel, read: set[str], prefix: str = "") -> None:
        self._block, self._read, self._prefix = block, read, prefix

    def __getattr__(self, name: str) -> Any:
        computed = getattr(type(self._block), name, None)
        if isinstance(computed, property):
            return computed.fget(self)
        value = getattr(self._block, name)
        if isinstance(value, BaseModel):
            return Recorder(value, self._read, f"{self._prefix}{name}.")
        self._read.add(self._prefix + name)
        return value


def read_by(stage: Any, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Run a stage and return the params that it read, by dotted name."""
    read: set[str] = set()
    monkeypatch.setattr(stage, "read_params", lambda: Recorder(read_params(), read))
    stage.main(*words)
    return read


@pytest.mark.parametrize("stage", MAINS[1:], ids=STAGES[1:])
def test_every_param_that_a_stage_reads_is_among_its_params(
    stage: Any, second_round: Any, in_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = stage.__name__.split(".")[1]
    of_a_batch = dict.fromkeys(("embed", "link_duplicates"), ("pool",))
    of_a_round = dict.fromkeys(("merge_labels", "train"), ("o01-i00",))
    words = (of_a_batch | of_a_round).get(name, ())
    check_params(name, read_by(stage, words, monkeypatch))


def test_every_param_that_extraction_reads_is_among_its_params(
    drawn: Any, project: Any, in_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(drawn.root / "data/raw/drawn/videos", project.root / "data/raw/pool")
    project.set({"extract_faces.frames_per_second": 0.5})
    check_params("extract_faces", read_by(extract_faces, ("pool",), monkeypatch))


def check_params(stage: str, read: set[str]) -> None:
    declared = dag()[stage]["params"]
    covered: Callable[[str], bool] = lambda key: any(  # noqa: E731
        key == name or key.startswith(f"{name}.") for name in declared
    )
    forgiven = {key for name, key in READ_BUT_NOT_IN_A_RESULT if name == stage}
    assert read, "the stage read nothing: the recorder is not in its way"
    assert {key for key in read if not covered(key)} <= forgiven
    unread = {name for name in declared if not any((key + ".").startswith(name) for key in read)}
    assert not unread, "declared and never read: a change would re-run the stage for nothing"
