"""The wheel holds the library alone, and starts in an environment that holds nothing else."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from clones import ROOT

from faceloop.commands.cli import COMMANDS

SOURCES = ("faceloop", "stages", "demo", "benchmarks", "tests")
ABOUT = ("pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build could take, so that it leaves nothing in the project."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ABOUT:
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


def test_the_wheel_holds_the_library_with_its_page_and_cards_and_nothing_else(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    about = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    library = [path for path in (ROOT / "faceloop").rglob("*") if path.is_file()]
    expected = {
        path.relative_to(ROOT).as_posix() for path in library if "__pycache__" not in path.parts
    }
    assert set(names) - about == expected
    assert [name for name in about if name.endswith("licenses/LICENSE")]
    suffixes = {Path(name).suffix for name in expected}
    assert suffixes == {".py", ".html", ".css", ".js", ".j2", ".md"}


def test_an_installed_wheel_starts_and_says_what_drawing_needs(wheel: Path, tmp_path: Path) -> None:
    programs = environment_with(wheel, tmp_path / "environment")
    helped = run(programs / "faceloop", "--help", folder=tmp_path)
    assert helped.returncode == 0
    assert set(COMMANDS) <= set(re.findall(r"^    (\w+)", helped.stdout, flags=re.MULTILINE))

    drawn = run(programs / "faceloop", "draw", "batch", folder=tmp_path)
    assert drawn.returncode == 2
    assert "run 'faceloop draw' in a clone" in drawn.stderr
    assert len(drawn.stderr.splitlines()) == 1 and not (tmp_path / "batch").exists()


def test_an_editable_install_finds_what_draws_people(source: Path, tmp_path: Path) -> None:
    programs = environment_with(build("editable", source), tmp_path / "environment")
    found = run(programs / "python", "-c", "import demo; print(demo.__file__)", folder=tmp_path)
    assert found.stdout.strip() == str(source / "demo/__init__.py")
