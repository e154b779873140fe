"""What dvc.lock says of params and code, and that no param reaches a shell."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from clones import copy_project, sh

from faceloop.commands import cli
from faceloop.commands.repository import verify
from faceloop.commands.repository.lock import stages_of_other_params

DAG = {"stages": {"embed": {"cmd": "x"}, "gate": {"cmd": "x"}, "sample_diverse": {"cmd": "x"}}}
LOCK = {
    "stages": {
        "embed@pool": {"params": {"engine.yaml": {"embedding": "aa", "stages.embed": "bb"}}},
        "gate": {"params": {"params.yaml": {"gate.target": 0.95, "seed": 7}}},
        "sample_diverse": {"params": {"params.yaml": {"seed": 7, "sample_diverse": {"size": 8}}}},
        "gone": {"params": {"params.yaml": {"seed": 1}}},
    }
}
ENGINE = {"embedding": "aa", "stages": {"embed": "bb"}}


@pytest.fixture
def locked(second_round: Any) -> Any:
    """A judged project with a dvc.lock of three stages that ran with today's params."""
    second_round.set({"seed": 7, "gate.target": 0.95, "sample_diverse.size": 8})
    whole = second_round.get("sample_diverse")
    lock = {**LOCK["stages"]}
    lock["sample_diverse"] = {"params": {"params.yaml": {"seed": 7, "sample_diverse": whole}}}
    for name, content in (("dvc.yaml", DAG), ("dvc.lock", {"stages": lock})):
        Path(name).write_text(yaml.safe_dump(content), encoding="utf-8")
    Path("engine.yaml").write_text(yaml.safe_dump(ENGINE), encoding="utf-8")
    return second_round


def test_stages_that_ran_with_todays_params_are_not_named(locked: Any) -> None:
    assert stages_of_other_params() == []


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"gate.target": 0.9}, ["gate"]),
        ({"sample_diverse.clusters": 5}, ["sample_diverse"]),
        ({"seed": 8}, ["gate", "sample_diverse"]),
    ],
)
def test_a_changed_param_names_the_stages_that_read_it(
    locked: Any, change: dict[str, Any], stages: list[str]
) -> None:
    locked.set(change)
    assert stages_of_other_params() == stages


@pytest.mark.parametrize("engine", [{}, {"embedding": "cc", "stages": {"embed": "bb"}}])
def test_other_code_names_the_stages_that_reach_it(locked: Any, engine: dict[str, Any]) -> None:
    Path("engine.yaml").write_text(yaml.safe_dump(engine), encoding="utf-8")
    assert stages_of_other_params() == ["embed@pool"]


def test_a_project_that_never_ran_has_no_such_stage(locked: Any) -> None:
    Path("dvc.lock").unlink()
    assert stages_of_other_params() == []


def test_a_verdict_of_another_target_is_no_verdict(locked: Any, capsys: Any) -> None:
    assert cli.main(["gate"]) in (0, 1)
    locked.set({"gate.target": 0.9})
    capsys.readouterr()
    assert cli.main(["gate"]) == 2
    assert "older than labels or params: run 'dvc repro'" in capsys.readouterr().err
    cli.main(["status"])
    printed = capsys.readouterr().out
    assert "verdict  not known yet" in printed and printed.rstrip().endswith("dvc repro")


def test_a_change_beside_the_verdict_leaves_it_and_asks_for_a_repro(
    locked: Any, capsys: Any
) -> None:
    locked.set({"sample_diverse.clusters": 5})
    assert cli.main(["gate"]) in (0, 1)
    cli.main(["status"])
    assert capsys.readouterr().out.rstrip().endswith("dvc repro")


@pytest.mark.parametrize(
    ("key", "value"),
    [("accepted", "o00-i00$(touch PWNED)"), ("batches", "march$(touch PWNED)")],
)
def test_no_param_reaches_a_shell(tmp_path: Path, key: str, value: str) -> None:
    copy_project(tmp_path)
    for name in ("march", value):
        (tmp_path / "data/raw" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/raw" / name / "empty.jpg").touch()
    params = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    params = re.sub(r"(?m)^batches: \[.*?\]", "batches: [march]", params)
    hostile = f'["{value}"]' if key == "batches" else f'"{value}"'
    params = re.sub(rf"(?m)^(\s*{key}): \S+", lambda found: f"{found[1]}: {hostile}", params)
    (tmp_path / "params.yaml").write_text(params, encoding="utf-8")
    sh("dvc repro", tmp_path, exit_code=255)
    assert not list(tmp_path.rglob("PWNED"))


def test_verify_tells_of_code_that_engine_yaml_does_not_name(locked: Any) -> None:
    (finding,) = verify.stale_findings(has_data=True)
    assert finding.startswith("engine.yaml: of other code (") and "base" in finding
    assert "faceloop engine" in finding
