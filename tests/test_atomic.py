"""A file is written whole or not at all."""

import sys
from pathlib import Path

import pytest

from faceloop.base import console
from faceloop.base.atomic import replacing
from faceloop.base.console import run_stage
from faceloop.base.errors import FaceloopError


def test_the_file_appears_with_its_folders_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a/b/file.csv"
    with replacing(path) as partial:
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new" and [one.name for one in path.parent.iterdir()] == ["file.csv"]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"


def test_a_failure_leaves_no_new_file(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    with pytest.raises(RuntimeError), replacing(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert not path.exists()


def test_two_who_write_one_file_do_not_write_into_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    with replacing(path) as mine, replacing(path) as theirs:
        mine.write_text("a long text of mine")
        theirs.write_text("theirs")
    assert path.read_text() == "a long text of mine" and [*tmp_path.iterdir()] == [path]


def test_a_stages_error_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gate.py", "word"])
    monkeypatch.setattr(console, "check_engine", lambda stage: None)

    def main(word: str) -> None:
        raise FaceloopError(f"{word} is wrong: do this")

    with pytest.raises(SystemExit) as error:
        run_stage(main)
    assert error.value.code == 2
    assert capsys.readouterr().err == "error: word is wrong: do this\n"
