"""The house: imports run one way, and dvc.yaml names all that a stage's results depend on."""

import ast
import importlib
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from faceloop.base.blocks import Declared, Part
from faceloop.base.code import WITHOUT_RESULT, digest_of, recorded_digests
from faceloop.base.params import read_params
from faceloop.commands.engine import digests

ROOT = Path(__file__).resolve().parents[1]
# In reading order.
STAGES = [
    "extract_faces",
    "embed",
    "neighbours",
    "link_duplicates",
    "sample_jury",
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
# Which package may import which, in the order that data takes. Only a listed one may be imported.
MAY_IMPORT = {
    "base": "",
    "crops": "base",
    "workers": "base",
    "weights": "base",
    "faces": "base crops workers weights",
    "embedding": "base crops weights",
    "neighbours": "base",
    "duplicates": "base neighbours",
    "pool": "base crops",
    "statistics": "base",
    "labels": "base crops pool statistics",
    "model": "base statistics",
    "evaluation": "base pool model statistics",
    "gate": "base labels statistics evaluation",
    "sampling": "base model statistics",
    "balance": "base model statistics",
}
# The same of the packages in commands, which may import all of the above.
COMMANDS_MAY_IMPORT = {
    "repository": "",
    "rounds": "repository",
    "labelling": "rounds",
    "exchange": "repository rounds labelling",
    "report": "repository rounds exchange",
    "release": "repository rounds",
    "simulation": "",
    "project": "repository rounds",
}
# The modules that open files. All others are functions of what they are given.
OPEN_FILES = {
    *("base.atomic", "base.console", "base.code", "base.links", "base.params", "base.storage"),
    *("crops.face_table", "crops.packs"),
    *("weights.loading", "faces.batch_files", "faces.extracted"),
    *("faces.frames", "faces.given", "faces.media", "faces.sources"),
    *("embedding.onnx_input", "embedding.rows", "embedding.shards"),
    *("pool.features", "pool.reading"),
    *("labels.adjudication_files", "labels.vote_files", "model.head_files"),
    *("statistics.figure_files", "evaluation.evidence", "balance.known_sources"),
}
# What each module of a command has; all other public names stand once in the library.
EVERY_COMMAND = {"add_arguments", "run", "main"}
OUTSIDE = {"os", "io", "pathlib", "shutil", "tempfile", "subprocess", "sys"} | {
    *("time", "datetime", "random", "logging")
}
LIBRARY = sorted((ROOT / "faceloop").rglob("*.py"))
SCIENCE = [path for path in LIBRARY if path.relative_to(ROOT).parts[1] not in WITHOUT_RESULT]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def package_of(module: str) -> str:
    """Return faceloop.X.y -> X, and faceloop.commands.X.y -> commands.X."""
    parts = module.split(".")
    inner = len(parts) > 3 and parts[1] == "commands"
    return ".".join(parts[1:3]) if inner else (parts[1] if len(parts) > 1 else parts[0])


@cache
def imports_of(path: Path) -> frozenset[tuple[str, str]]:
    """Return what a file imports, wherever in it: (module, name), or (module, "")."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = (ROOT / inner.replace(".", "/")).with_suffix(".py").is_file()
                found.add((inner, "") if is_module else (str(node.module), alias.name))
    return frozenset(found)


def ours(path: Path) -> set[str]:
    return {module for module, _ in imports_of(path) if module.split(".")[0] == "faceloop"}


def reached_from(path: Path) -> set[str]:
    """Return the modules of faceloop that a file imports, at any depth."""
    reached: set[str] = set()
    waiting = ours(path)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= ours((ROOT / name.replace(".", "/")).with_suffix(".py")) - reached
    return reached


def dag() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def module_of(stage: str) -> Any:
    return importlib.import_module(f"stages.{stage}")


def params_of(stage: str) -> list[str]:
    return [name for name in dag()[stage]["params"] if isinstance(name, str)]


def declared(params: type[Declared]) -> list[str]:
    """Return the names of all that a stage reads, as dvc.yaml's `params:` has them.

    A field that decides no result is excluded from them: `Field(exclude=True)`.
    """
    kinds = {name: one.annotation for name, one in params.model_fields.items() if not one.exclude}
    names = []
    for name, kind in kinds.items():
        extra = getattr(kind, "model_config", {}).get("extra")  # a whole block made of it forbids
        if isinstance(kind, type) and issubclass(kind, Part) and extra == "ignore":
            names += [f"{name}.{key}" for key in kind.model_fields]
        else:
            names.append(name)
    return names


def engine_of(stage: str) -> list[str]:
    (named,) = (one for one in dag()[stage]["params"] if isinstance(one, dict))
    assert list(named) == ["engine.yaml"]
    return named["engine.yaml"]


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    here = package_of(name_of(path))
    for there in {package_of(name) for name in ours(path)} - {here, "faceloop"}:
        if here.startswith("commands"):
            _, _, inner = here.partition(".")
            _, _, other = there.partition(".")
            allowed = COMMANDS_MAY_IMPORT.get(inner, "").split()
            assert there in MAY_IMPORT or there == "commands" or other in allowed, there
        else:
            assert there in MAY_IMPORT[here].split(), there


def test_every_package_is_in_the_table_and_says_what_it_is_for() -> None:
    packages = {path.parent for path in (ROOT / "faceloop").glob("*/__init__.py")}
    assert {one.name for one in packages} == {*MAY_IMPORT, "commands"}
    inner = {path.parent.name for path in (ROOT / "faceloop/commands").glob("*/__init__.py")}
    assert inner == set(COMMANDS_MAY_IMPORT)
    for path in (ROOT / "faceloop").rglob("__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree) and len(tree.body) == 1, path


def test_base_stays_small() -> None:
    lines = [
        path.read_text(encoding="utf-8").splitlines()
        for path in (ROOT / "faceloop/base").glob("*.py")
    ]
    assert sum(map(len, lines)) < 600


@pytest.mark.parametrize("path", SCIENCE, ids=name_of)
def test_only_listed_modules_open_files(path: Path) -> None:
    name = name_of(path).removeprefix("faceloop.")
    if name in OPEN_FILES:
        return
    for module, imported in imports_of(path):
        assert module.split(".")[0] not in OUTSIDE, module
        if module.removeprefix("faceloop.") in OPEN_FILES:
            assert imported.isupper(), f"{module}.{imported}"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input"), f"{path}:{node.lineno}"
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "random"):
            assert node.attr in ("Generator", "default_rng"), f"{path}:{node.lineno}"
        assert not isinstance(node, ast.Global), f"{path}:{node.lineno}"


def test_the_list_of_modules_that_open_files_is_of_modules_that_are_there() -> None:
    assert {f"faceloop.{name}" for name in OPEN_FILES} <= {name_of(path) for path in SCIENCE}


def test_no_two_modules_have_one_name() -> None:
    names = [path.stem for path in LIBRARY if path.stem not in ("__init__", "params")]
    assert not sorted({name for name in names if names.count(name) > 1})


def test_no_two_public_classes_or_functions_have_one_name() -> None:
    names = [
        node.name
        for path in LIBRARY
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    ]
    assert not sorted({name for name in names if names.count(name) > 1} - EVERY_COMMAND)


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_what_another_package_imports_has_types(path: Path) -> None:
    here = package_of(name_of(path))
    for module, name in imports_of(path):
        if module.startswith("faceloop.") and name and package_of(module) != here:
            assert "dict[str, Any]" not in annotations_of(module, name), f"{module}.{name}"


def annotations_of(module: str, name: str) -> str:
    """Return the types of a function's arguments and result, or of a class's fields."""
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.unparse(node.args) + ast.unparse(node.returns or ast.Tuple([]))
        if isinstance(node, ast.ClassDef) and node.name == name:
            fields = (one.annotation for one in node.body if isinstance(one, ast.AnnAssign))
            return " ".join(map(ast.unparse, fields))
    return ""  # a constant


def test_nothing_imports_a_stage() -> None:
    for path in LIBRARY:
        assert not [name for name, _ in imports_of(path) if name.split(".")[0] == "stages"], path


def test_no_file_is_over_400_lines() -> None:
    for path in [*LIBRARY, *(ROOT / "stages").glob("*.py"), *(ROOT / "demo").glob("*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_dvc_yaml_has_the_stages_in_reading_order_and_each_has_its_script() -> None:
    assert list(dag()) == STAGES
    assert {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"} == set(STAGES)


def test_dvc_yaml_and_its_lock_are_short() -> None:
    for name, lines in (("dvc.yaml", 200), ("dvc.lock", 900)):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) < lines


@pytest.mark.parametrize("stage", STAGES)
def test_main_is_short(stage: str) -> None:
    tree = ast.parse((ROOT / f"stages/{stage}.py").read_text(encoding="utf-8"))
    (main,) = [node for node in tree.body if getattr(node, "name", "") == "main"]
    assert main.end_lineno - main.lineno < 60


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_its_script_and_declares_in_dvc_yaml_what_its_type_does(stage: str) -> None:
    assert dag()[stage]["cmd"] == f"python -m stages.{stage}"  # no param: a shell would expand it
    assert issubclass(module_of(stage).Params, Declared)
    assert sorted(params_of(stage)) == sorted(declared(module_of(stage).Params))
    # Both models are trained alike, and the gate's thresholds are no params of training.
    assert "gate" not in params_of(stage) or stage == "gate"


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_yaml_names_just_the_packages_that_a_stage_reaches(stage: str) -> None:
    reached = {package_of(name) for name in reached_from(ROOT / f"stages/{stage}.py")}
    assert engine_of(stage) == [
        *(name for name in MAY_IMPORT if name in reached - {*WITHOUT_RESULT}),
        f"stages.{stage}",
    ]


def test_an_edit_in_sampling_runs_the_sampling_stages_alone() -> None:
    assert [name for name in STAGES if "sampling" in engine_of(name)] == [
        name for name in STAGES if name.startswith("sample_")
    ]


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
    assert set(dag()[stage]["deps"]) <= made


def test_engine_yaml_is_of_the_code_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert recorded_digests() == digests(), "run 'faceloop engine'"


def test_a_digest_is_of_what_code_means(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        (tmp_path / "code.py").write_text(text, encoding="utf-8")
        return digest_of(tmp_path)

    plain = digest('"""Adds."""\n\n\ndef add(a, b):\n    """Return the sum."""\n    return a + b\n')
    assert digest("def add(a, b): # a sum\n    return (a +\n        b)\n") == plain
    assert digest('"""Other."""\ndef add(a, b):\n    return a + b\n') == plain
    assert digest("def add(a, b):\n    return a - b\n") != plain
    assert digest("def add(a, b):\n    return b + a\n") != plain
    assert digest("def add(a, b=1):\n    return a + b\n") != plain
    assert digest("def add(a, b):\n    'no docstring'; return a + b\n") == plain
    assert digest("x = 1\n") != digest("x = 1.0\n") != digest("x = True\n")


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


def unread_by(stage: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Run a stage and return the declared params that it did not read, by dotted name."""
    read: set[str] = set()
    module = module_of(stage)
    monkeypatch.setattr(module, "read_params", lambda kind: Recorder(read_params(kind), read))
    module.main(*words)
    assert read, "the stage read nothing: the recorder is not in its way"
    return {
        name
        for name in declared(module.Params)
        if not any((key + ".").startswith(f"{name}.") for key in read)
    }


# A change of what is declared and never read would re-run the stage for nothing.
@pytest.mark.parametrize("stage", STAGES[1:])
def test_every_param_that_a_stage_declares_is_read(
    stage: str, second_round: Any, in_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_round.vote_truly("o01-i00", annotator="ben")  # how people agree wants two of them
    words = ("pool",) if "matrix" in dag()[stage] else ()
    assert not unread_by(stage, words, monkeypatch)


def test_every_param_that_extraction_declares_is_read(
    drawn: Any, project: Any, in_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(drawn.root / "data/raw/drawn/videos", project.root / "data/raw/pool")
    project.set({"extract_faces.frames_per_second": 0.5})
    assert not unread_by("extract_faces", ("pool",), monkeypatch)
