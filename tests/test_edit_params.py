"""Changing params.yaml: one writer and one reader, and no byte that nobody meant."""

from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from ruamel.yaml import YAML

from faceloop.base.errors import FaceloopError
from faceloop.base.params import load_yaml
from faceloop.commands.rounds.edit_params import edit_params, with_value
from faceloop.commands.settings import read_settings
from faceloop.commands.yaml_writer import dump_yaml

# Words, to people; something else to YAML 1.1, to YAML 1.2, or to both.
WORDS = [
    *(
        "yes",
        "no",
        "on",
        "off",
        "y",
        "N",
        "true",
        "False",
        "null",
        "Null",
        "~",
        "1e3",
        "0x1",
        "017",
    ),
    *("0o17", "1_000", "12", "1.5", ".5", "2026-01-01", "1:30", "12345678e9012345", "=", "<<", ""),
    *("a: b", "a #b", "[a]", "'", '"', "é", "- a", "@a", "a,b", " a"),
]


def as_dvc(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_stays_a_word_to_whoever_reads_it(word: str) -> None:
    for text in (dump_yaml({word: word}), dump_yaml({word: word}, flow=True)):
        assert as_dvc(text) == load_yaml(text) == {word: word}
        old = YAML(typ="safe")
        old.version = (1, 1)
        assert old.load(text) == {word: word}


@pytest.mark.parametrize("word", [one for one in WORDS if one.isascii() and one.isalnum()])
def test_we_read_what_people_typed_as_dvc_does(word: str) -> None:
    assert repr(load_yaml(f"a: {word}")) == repr(as_dvc(f"a: {word}"))
    assert repr(load_yaml(f"a: [-{word}, {word}]")) == repr(as_dvc(f"a: [-{word}, {word}]"))


def test_only_what_is_meant_changes(project: Any) -> None:
    shipped = (ROOT / "params.yaml").read_bytes()
    project.params.write_bytes(shipped)
    edit_params({"rounds.candidate": "o01-i01", "rounds.rejected": ["o00-i01"], "batches": []})
    lines = {
        b"  candidate: o01-i00 #": b"  candidate: o01-i01 #",
        b"  rejected: [] #": b"  rejected: [o00-i01] #",
        b"batches: [demo] #": b"batches: [] #",
    }
    for before, after in lines.items():
        assert shipped.count(before) == 1
        shipped = shipped.replace(before, after)
    assert project.params.read_bytes() == shipped


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("a: [] # none\n", ["x"], "a: [x] # none\n"),
        ("a: [ p,  q ] # two\n", ["p", "q", "no"], "a: [ p,  q, 'no' ] # two\n"),
        ("a: [p, q,]\n", ["p", "q", "r"], "a: [p, q, r,]\n"),
        ("a: [\n  p, # first\n  q # last\n]\n", ["p", "q", "r"],
         "a: [\n  p, # first\n  q, r # last\n]\n"),
        ("a: [p, q] # c\n", ["r"], "a: [r] # c\n"),
        ("a: [p, q] # c\n", [], "a: [] # c\n"),
        ("a:\n  - p # one\n  - 'no' # two\n\n# then\nb: 1\n", ["p", "no", "r"],
         "a:\n  - p # one\n  - 'no' # two\n  - r\n\n# then\nb: 1\n"),
        ("a:\r\n- p # one\r\nb: ~\r\n", ["p", "q"], "a:\r\n- p # one\r\n- q\r\nb: ~\r\n"),
        ("a:\n- p", ["p", "q"], "a:\n- p\n- q\n"),
        ("a: # c\n  - p\n  - q\nb: 1\n", [], "a: [] # c\nb: 1\n"),
        ("a:\n  - p\n  - q\nb: 1\n", ["r", "s"], "a:\n  - r\n  - s\nb: 1\n"),
        ("a:\nb: null\n", "x", "a: x\nb: null\n"),
        ("a: 'x' # c\n", "on", "a: 'on' # c\n"),
        ("\ufeffa: 1\nb: 2\n", 7, "\ufeffa: 7\nb: 2\n"),
        ("é: ü\na: 1\n", 7, "é: ü\na: 7\n"),
        ("a: 1", 7, "a: 7"),
    ],
)  # fmt: skip
def test_styles_comments_and_line_ends_stay(text: str, value: Any, expected: str) -> None:
    assert with_value(text, "a", value) == expected
    assert as_dvc(expected.removeprefix("\ufeff"))["a"] == value


def test_params_that_would_be_wrong_stay_as_they_were(project: Any) -> None:
    before = project.params.read_bytes()
    for values in ({"rounds.candidate": "x"}, {"rounds.next": "o00-i00"}, {"seed.x": 1}):
        with pytest.raises(FaceloopError, match="params"):
            edit_params(values)
        assert project.params.read_bytes() == before
    assert [path.name for path in Path().glob("params*")] == ["params.yaml"]


def test_classes_that_yaml_takes_for_something_else_are_read_by_all(project: Any) -> None:
    classes = ["yes", "no", "on", "1e3", "0x1", "null", "2026-01-01", "12"]
    edit_params({"classes": classes, "batches": ["no"]})
    assert read_settings().classes == classes
    assert as_dvc(project.params.read_text(encoding="utf-8"))["classes"] == classes
    text = project.params.read_text(encoding="utf-8")
    project.params.write_text(text.replace("'yes', 'no', 'on'", "yes, no, on"), encoding="utf-8")
    assert read_settings().classes == classes
