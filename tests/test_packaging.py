"""The wheel holds the library and what projects begin with, and makes one far from this clone."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from clones import PEOPLE, ROOT

from demo.batch import draw_batch
from faceloop.commands.cli import COMMANDS

SOURCES = ("faceloop", "stages", "demo", "benchmarks", "tests")
ABOUT = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
PROJECT = ROOT / "faceloop/commands/project"
SHARED = [
    path.relative_to(ROOT).as_posix()
    for pattern in (PROJECT / "shared.txt").read_text(encoding="utf-8").split()
    for path in ROOT.glob(pattern)
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build could take, so that it leaves nothing in the project."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*ABOUT, *SHARED):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    return build("wheel", source)


def build(kind: str, source: Path) -> Path:
    """Build a wheel, or an editable one, as pip does without isolation; return its path."""
    code = f"from setuptools.build_meta import build_{kind} as build; build('{kind}')"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (made,) = (source / kind).glob("*.whl")
    return made


def environment_with(wheel: Path, folder: Path) -> Path:
    """Return the programs of a new environment that holds a wheel and nothing else."""
    venv.create(folder, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python")]
    options = ["--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True)
    return folder / "bin"


def run(program: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of an environment, far from the project and its path."""
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(program), *words]
    return subprocess.run(command, cwd=folder, env=apart, capture_output=True, text=True)


def test_the_wheel_holds_the_library_and_what_projects_begin_with(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    about = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    library = [path for path in (ROOT / "faceloop").rglob("*") if path.is_file()]
    expected = {
        path.relative_to(ROOT).as_posix() for path in library if "__pycache__" not in path.parts
    } | {f"faceloop/commands/project/shared/{name}" for name in SHARED}
    assert set(names) - about == expected
    assert [name for name in about if name.endswith("licenses/LICENSE")]
    assert len(SHARED) == len(set(SHARED)) > 20


def test_an_installed_wheel_starts_and_says_what_drawing_needs(wheel: Path, tmp_path: Path) -> None:
    programs = environment_with(wheel, tmp_path / "environment")
    helped = run(programs / "faceloop", "--help", folder=tmp_path)
    assert helped.returncode == 0
    assert set(COMMANDS) <= set(re.findall(r"^    (\w+)", helped.stdout, flags=re.MULTILINE))

    drawn = run(programs / "faceloop", "draw", "batch", folder=tmp_path)
    assert drawn.returncode == 2
    assert "run 'faceloop draw' in a clone" in drawn.stderr
    assert len(drawn.stderr.splitlines()) == 1 and not (tmp_path / "batch").exists()


@pytest.mark.slow
def test_a_project_is_made_by_the_wheel_and_goes_to_its_first_queue(
    wheel: Path, tmp_path: Path
) -> None:
    ZipFile(wheel).extractall(tmp_path / "installed")
    work, batch = tmp_path / "work", tmp_path / "work/faces/data/raw/march"
    work.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    apart = {**os.environ, **PEOPLE, "PYTHONPATH": str(tmp_path / "installed"), "PATH": path}

    def do(*words: str, folder: Path, code: int = 0) -> str:
        done = subprocess.run(words, cwd=folder, env=apart, capture_output=True, text=True)
        assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    faceloop = (sys.executable, "-m", "faceloop.commands.cli")
    where = "import faceloop; print(faceloop.__file__)"
    assert str(tmp_path) in do(sys.executable, "-c", where, folder=work)
    do(*faceloop, "init", "faces", "--classes", "none", "glasses", folder=work)
    home = work / "faces"
    assert sorted(path.name for path in home.iterdir() if not path.name.startswith(".")) == [
        *("README.md", "data", "dvc.yaml", "engine.yaml", "labels", "models", "params.yaml"),
        *("pyproject.toml", "stages", "tests"),
    ]
    version = importlib.metadata.version("faceloop")
    assert f"faceloop=={version}" in (home / "pyproject.toml").read_text()
    do("git", "commit", "--quiet", "--message", "A new project", folder=home)
    do(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", folder=home)
    said = do(*faceloop, "init", "faces", "--classes", "a", "b", folder=work, code=2)
    assert "faces holds something already" in said
    said = do(*faceloop, "init", "other", "--classes", "a/b", "c", folder=work, code=2)
    assert "'a/b'" in said and not (work / "other").exists()

    draw_batch(batch, tmp_path / "truth.csv", 8, 0, 1)
    do(*faceloop, "next", "--batch", "march", folder=home)
    do("dvc", "repro", "--quiet", folder=home)
    assert "faces wait in labels/o00-i00/queue.csv" in do(*faceloop, "next", folder=home)


def test_an_editable_install_finds_what_draws_people(source: Path, tmp_path: Path) -> None:
    programs = environment_with(build("editable", source), tmp_path / "environment")
    found = run(programs / "python", "-c", "import demo; print(demo.__file__)", folder=tmp_path)
    assert found.stdout.strip() == str(source / "demo/__init__.py")
