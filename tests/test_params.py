"""params.yaml: what is wrong is said with its key, its value and its line."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faceloop.base.blocks import Rounds
from faceloop.base.errors import FaceloopError
from faceloop.commands.settings import read_settings
from faceloop.labels.vote_files import known_rounds
from stages import extract_faces

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml"))


def edit(params: Path, pattern: str, replacement: str) -> int:
    """Replace one line's text and return its number."""
    text = params.read_text(encoding="utf-8")
    found = re.search(pattern, text, flags=re.MULTILINE)
    assert found, pattern
    params.write_text(text[: found.start()] + replacement + text[found.end() :], encoding="utf-8")
    return text[: found.start()].count("\n") + 1


def message_of(params: Path) -> str:
    with pytest.raises(FaceloopError) as error:
        read_settings(params)
    return str(error.value)


def test_the_shipped_params_are_valid() -> None:
    settings = read_settings(ROOT / "params.yaml")
    assert settings.pool == settings.batches[-1]


def test_settings_cannot_be_changed() -> None:
    settings = read_settings(ROOT / "params.yaml")
    with pytest.raises(ValidationError):
        settings.seed = 3  # type: ignore[misc]


def test_an_unknown_key_is_named_with_its_line(params: Path) -> None:
    line = edit(params, r"^  class_weight:", "  folds: 3\n  class_weight:")
    said = message_of(params)
    assert f"params.yaml:{line}: train.folds: unknown key (value 3)" in said


def test_a_missing_key_is_named_with_its_blocks_line(params: Path) -> None:
    edit(params, r"^  looks: .*\n", "")
    line = params.read_text(encoding="utf-8").splitlines().index("gate:") + 1
    assert f"params.yaml:{line}: gate.looks: this key is missing" in message_of(params)


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r"^seed: \d+", "seed: many", ["seed", "'many'", "integer"]),
        (r"^seed: \d+", "seed: 1.5", ["seed", "1.5", "integer"]),
        (r"^seed: \d+", "seed: -1", ["seed", "-1", "greater than or equal to 0"]),
        (r"^  bootstrap: \d+", "  bootstrap: 1", ["intervals.bootstrap", "found 1", "100"]),
        (r"^  metric: \w+", "  metric: f1", ["gate.metric", "'f1'", "'balanced_accuracy'"]),
        (r"^  model: \S+", "  model: arcface", ["embed.model", "'arcface'", "vggface2"]),
        (r"^device: \w+", "device: tpu", ["device", "'tpu'", "'cuda'"]),
        *(
            (
                r"^  count: \S+",
                f"  count: {value}",
                ["workers.count", "found ", "auto, or a whole"],
            )
            for value in ("0", "-1", "1.5", "all", "true")
        ),
        (r"^  margin: \S+", "  margin: .nan", ["extract_faces.margin", "nan", "finite"]),
        (r"^  min_probability: \S+", "  min_probability: 1.1", ["min_probability", "1.1"]),
        (r"^  min_probability: \S+", "  min_probability: true", ["min_probability", "True"]),
        (r"^  overfit_share: \S+", "  overfit_share: 0.9", ["overfit_share", "0.9", "0.5"]),
        (r"^classes: \[.*?\]", "classes: [true, a]", ["classes.0", "True", "string"]),
        (r"^classes: \[.*?\]", "classes: [a]", ["classes", "['a']", "at least 2"]),
        (r"^classes: \[.*?\]", "classes: ['a/b', c]", ["classes.0", "'a/b'"]),
        (r"^batches: \[.*?\]", "batches: ['../x']", ["batches.0", "'../x'"]),
        (r"^  candidate: \S+", "  candidate: round-2", ["rounds.candidate", "'round-2'"]),
    ],
)
def test_a_bad_value_is_shown_with_its_key_its_line_and_what_is_allowed(
    params: Path, pattern: str, replacement: str, words: list[str]
) -> None:
    line = edit(params, pattern, replacement)
    said = message_of(params)
    assert f"params.yaml:{line}: " in said
    for word in words:
        assert word in said


def test_shares_that_do_not_add_up_are_named_with_their_block(params: Path) -> None:
    edit(params, r"^  outlier: 0.4", "  outlier: 0.5")
    line = 1 + next(
        at
        for at, text in enumerate(params.read_text(encoding="utf-8").splitlines())
        if text.startswith("  centroid:")
    )
    said = message_of(params)
    assert f"params.yaml:{line}: sample_diverse.centroid: " in said
    assert "must add up to 1, not 1.1" in said


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r"^classes: \[.*?\]", "classes: [a, b, a]", ["classes", "'a'", "twice"]),
        (r"^classes: \[.*?\]", "classes: [a, unsure]", ["classes", "'unsure'", "leave it out"]),
        (r"^classes: \[.*?\]", "classes: [not_a_face, b]", ["classes", "'not_a_face'"]),
        (r"^batches: \[.*?\]", "batches: [a, a]", ["batches", "'a'", "twice"]),
        (r"^batches: \[.*?\]", "batches: [may, May]", ["batches", "'May' and 'may'", "one file"]),
        (r"^batches: \[.*?\]", "batches: [aux.1]", ["batches", "'aux.1'", "Windows"]),
        (r"^batches: \[.*?\]", "batches: [may.]", ["batches", "'may.'", "Windows"]),
        (r"^classes: \[.*?\]", "classes: [None, none]", ["classes", "'none' and 'None'"]),
        (r"^classes: \[.*?\]", "classes: [con, a]", ["classes", "'con'", "Windows"]),
        (r"^classes: \[.*?\]", f"classes: [{'b' * 65}, a]", ["classes", "65 characters; allowed"]),
        (r"^classes: \[.*?\]", "classes: [a, Unsure]", ["classes", "'Unsure'", "leave it out"]),
        (r"^classes: \[.*?\]", "classes: [a, unresolved]", ["classes", "'unresolved'"]),
        (r"^  annotators: \[\]", "  annotators: [Queue, b]", ["annotators", "'Queue'"]),
        (r"^  keys: \[\]", "  keys: [n, e]", ["label.keys: 2 keys for 3 classes", "one a class"]),
        (r"^  keys: \[\]", "  keys: [n, e, N]", ["label.keys", "'n' stands twice"]),
        (r"^  keys: \[\]", "  keys: [n, e, U]", ["label.keys", "'u'; allowed: one character"]),
        (r"^  keys: \[\]", "  keys: [n, e, ' ']", ["label.keys", "' '; allowed"]),
        (r"^  keys: \[\]", "  keys: [n, e, ab]", ["label.keys", "'ab'; allowed"]),
        (r"^  keys: \[\]", "  keys: [1, 2, 0]", ["label.keys", "'0'; allowed"]),
        (r"^  annotators: \[\]", "  annotators: [ana, Ana]", ["label.annotators", "twice"]),
        (r"^  annotators: \[\]", "  annotators: [truth-2, ana]", ["label.annotators", "'truth-2'"]),
        (r"^  annotators: \[\]", "  annotators: [queue, ana]", ["label.annotators", "'queue'"]),
        (
            r"^  size: 240",
            "  size: 10",
            ["sample_uncertain.size: must be at least sample_diverse.size"],
        ),
    ],
)
class TestWhatNoSingleKeyCanTell:
    def test_is_said_with_key_and_value(
        self, params: Path, pattern: str, replacement: str, words: list[str]
    ) -> None:
        edit(params, pattern, replacement)
        said = message_of(params)
        for word in words:
            assert word in said

    def test_is_said_with_its_line(
        self, params: Path, pattern: str, replacement: str, words: list[str]
    ) -> None:
        line = edit(params, pattern, replacement)
        assert f"params.yaml:{line}: " in message_of(params)


@pytest.mark.parametrize(
    ("accepted", "candidate", "rejected", "words"),
    [
        ("o01-i00", "o01-i00", "[]", "accepted: o01-i00 must come before o01-i00"),
        ("o02-i00", "o01-i07", "[]", "accepted: o02-i00 must come before o01-i07"),
        ("o01-i100", "o01-i99", "[]", "accepted: o01-i100 must come before o01-i99"),
        ("latest", "o01-i00", "[]", "accepted: 'latest' is neither a round nor 'prior'"),
        ("o00-i00", "o01-i00", "[o01-i00]", "rejected: holds the accepted or the candidate"),
        ("o00-i00", "o01-i00", "[o00-i00]", "rejected: holds the accepted or the candidate"),
    ],
)
def test_rounds_out_of_order_are_refused(
    params: Path, accepted: str, candidate: str, rejected: str, words: str
) -> None:
    lines = {
        "accepted": edit(params, r"^  accepted: \S+", f"  accepted: {accepted}"),
        "candidate": edit(params, r"^  candidate: \S+", f"  candidate: {candidate}"),
        "rejected": edit(params, r"^  rejected: \[.*?\]", f"  rejected: {rejected}"),
    }
    key = words.partition(":")[0]
    assert f"params.yaml:{lines[key]}: rounds.{words}" in message_of(params)


def test_every_finding_is_told_at_once(params: Path) -> None:
    edit(params, r"^seed: \d+", "seed: x")
    edit(params, r"^  looks: \d+", "  looks: 0")
    said = message_of(params)
    assert len(said.splitlines()) == 2 and "seed" in said and "gate.looks" in said


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a\n- b\n", "just words\n", "3\n"])
def test_a_file_without_blocks_is_refused(params: Path, text: str) -> None:
    params.write_text(text, encoding="utf-8")
    assert "params.yaml:1: top level" in message_of(params)


def test_no_yaml_is_refused_with_its_line(params: Path) -> None:
    params.write_text("seed: 1\nclasses: [a, b\nbatches: {\n", encoding="utf-8")
    said = message_of(params)
    assert "no valid YAML" in said and "line 3" in said


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "params.yaml is not here" in message_of(tmp_path / "params.yaml")


def test_python_in_yaml_is_not_run(params: Path) -> None:
    edit(params, r"^seed: \d+", "seed: !!python/object/apply:os.getpid []")
    assert "no valid YAML" in message_of(params)


def test_a_key_that_stands_twice_is_refused(params: Path) -> None:
    edit(params, r"^seed: \d+", "seed: 1\nseed: 2")
    assert "seed" in message_of(params)


def test_a_file_that_is_not_utf_8_is_refused(params: Path) -> None:
    params.write_bytes(params.read_bytes() + "# café\n".encode("latin-1"))
    message_of(params)


def test_an_unknown_batch_is_refused_with_those_allowed(project: Any) -> None:
    project.set({"batches": ["first", "second"]})
    with pytest.raises(FaceloopError, match="unknown batch 'nope'; allowed: first, second"):
        extract_faces.main("nope")


def test_an_unknown_round_is_refused_with_those_allowed(project: Any) -> None:
    (project.root / "labels/o00-i00").mkdir()
    rounds = Rounds(accepted="o00-i01", candidate="o01-i00", rejected=[], without_gain=0)
    with pytest.raises(FaceloopError) as error:
        known_rounds(rounds)
    said = str(error.value)
    assert "rounds.accepted: unknown round 'o00-i01'; allowed: prior, o00-i00" in said


def test_an_unknown_rejected_round_is_refused(project: Any) -> None:
    rounds = Rounds(accepted="prior", candidate="o01-i00", rejected=["o00-i05"], without_gain=0)
    with pytest.raises(FaceloopError, match=r"rounds\.rejected: unknown round 'o00-i05'"):
        known_rounds(rounds)


def test_the_candidate_may_have_no_folder_yet(project: Any) -> None:
    assert (
        known_rounds(Rounds(accepted="prior", candidate="o00-i00", rejected=[], without_gain=0))
        == []
    )


def test_a_folder_of_labels_that_is_no_round_is_refused(project: Any) -> None:
    (project.root / "labels/round-one").mkdir()
    with pytest.raises(FaceloopError, match="labels/round-one: a round is named like o01-i00"):
        known_rounds(Rounds(accepted="prior", candidate="o00-i00", rejected=[], without_gain=0))
