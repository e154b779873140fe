"""The workflow that judges pull requests: only GitHub's own actions, and steps that run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from clones import ROOT, sh

from faceloop.commands.rounds.state import GO_ON

FILE = ROOT / ".github/workflows/iteration.yml"
GH = """#!/usr/bin/env bash
echo "$*" >> "$RUNNER_TEMP/gh.log"
case "$*" in *--paginate*) cat "$RUNNER_TEMP/known" 2>/dev/null || true ;; esac
"""


def workflow() -> dict[Any, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def steps() -> list[dict[str, Any]]:
    return workflow()["jobs"]["iteration"]["steps"]


def script(name: str) -> str:
    (step,) = [step for step in steps() if step.get("name") == name]
    return step["run"]


def test_only_github_s_own_actions_are_used() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used)


def test_no_step_pastes_what_a_pull_request_says_into_its_script() -> None:
    assert not [step for step in steps() if "${{" in step.get("run", "")]


def test_it_asks_for_no_right_beyond_commenting() -> None:
    assert workflow()["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert set(workflow()[True]) == {"pull_request", "push"}  # YAML reads `on` as true


def test_it_installs_from_the_lock() -> None:
    assert script("Install") == "bash .github/install.sh"
    lines = (ROOT / ".github/install.sh").read_text(encoding="utf-8").splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert installs and all("--constraint requirements.lock" in line for line in installs)
    assert (ROOT / "requirements.lock").is_file()


@pytest.fixture(scope="module")
def runner(three_rounds: Path) -> tuple[Path, dict[str, str]]:
    """A clone without data, and the environment of a step."""
    home = three_rounds.parent / "runner"
    sh(f"mkdir -p {home}/bin {home}/temp && git clone -q {three_rounds} {home}/work", three_rounds)
    (home / "bin/gh").write_text(GH)
    sh("chmod +x bin/gh", home)
    sh(f"dvc remote modify --local store url {home.parent}/faceloop-store", home / "work")
    return home / "work", {
        "BASE": "o01-i00",
        "NUMBER": "7",
        "FROM_FORK": "",
        "GITHUB_REPOSITORY": "some/project",
        "GITHUB_STEP_SUMMARY": f"{home}/temp/summary.md",
        "RUNNER_TEMP": f"{home}/temp",
    }


def run(runner: tuple[Path, dict[str, str]], name: str, exit_code: int = 0, **changed: str) -> str:
    """Run a step's script as a runner does; `gh` only notes what it is asked."""
    folder, environment = runner
    script_file = Path(environment["RUNNER_TEMP"]) / "step.sh"
    script_file.write_text(script(name))
    command = f'PATH="$RUNNER_TEMP/../bin:$PATH" bash -e {script_file}'
    return sh(command, folder, exit_code, **(environment | changed))


def test_the_steps_verify_report_comment_and_gate(runner: tuple[Path, dict[str, str]]) -> None:
    temp = Path(runner[1]["RUNNER_TEMP"])
    assert "verify: no findings" in run(runner, "Verify")
    run(runner, "Report")
    summary = (temp / "summary.md").read_text()
    for part in ("## o01-i01, compared with", "verify: no findings", "What changed since"):
        assert part in summary
    run(runner, "Comment")
    (temp / "known").write_text("41\n42\n")
    run(runner, "Comment")
    asked = (temp / "gh.log").read_text().splitlines()
    assert "--method POST repos/some/project/issues/7/comments" in asked[1]
    assert "--method PATCH repos/some/project/issues/comments/41" in asked[3]
    assert (temp / "comment.md").read_text().startswith("<!-- faceloop iteration -->\n## ")
    verdict = json.loads((runner[0] / "metrics/gate.json").read_text())["verdict"]
    assert f"o01-i01: {verdict}" in run(runner, "Gate", exit_code=int(verdict not in GO_ON))


def test_a_forks_pull_request_gets_its_report_in_the_summary_alone(
    runner: tuple[Path, dict[str, str]],
) -> None:
    temp = Path(runner[1]["RUNNER_TEMP"])
    (temp / "gh.log").unlink(missing_ok=True)
    assert "the remote was not asked" in run(runner, "Verify", FROM_FORK="yes")
    run(runner, "Report", FROM_FORK="yes")
    run(runner, "Comment", FROM_FORK="yes")
    assert not (temp / "gh.log").exists()
    assert "From a fork: no comment" in (temp / "summary.md").read_text()


@pytest.mark.parametrize(("lines", "is_cut"), [(10, False), (700, True), (5000, True)])
def test_a_comment_is_no_longer_than_github_takes(tmp_path: Path, lines: int, is_cut: bool) -> None:
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    report = "".join(f"| {at} | {'é' * 60} |\n" for at in range(lines))
    (tmp_path / "report.md").write_text(report, encoding="utf-8")
    environment = {"FROM_FORK": "", "GITHUB_REPOSITORY": "some/project", "NUMBER": "7"}
    sh(
        f'PATH="{tmp_path}:$PATH" bash {ROOT}/.github/comment.sh',
        tmp_path,
        **environment,
        RUNNER_TEMP=str(tmp_path),
    )
    comment = (tmp_path / "comment.md").read_text(encoding="utf-8")
    assert len(comment) <= 65_536
    marker, rest = comment.split("\n", 1)
    assert marker == "<!-- faceloop iteration -->"
    if is_cut:
        kept, _, last = rest.rpartition("\n\n")
        assert report.startswith(kept) and kept.endswith(" |") and len(kept) > 30_000
        assert last.startswith("Cut here") and "summary" in last
    else:
        assert rest == report


def test_a_finding_fails_the_step_and_stands_in_the_report(
    runner: tuple[Path, dict[str, str]],
) -> None:
    folder, temp = runner[0], Path(runner[1]["RUNNER_TEMP"])
    (folder / "notes.txt").touch()
    run(runner, "Verify", exit_code=1)
    run(runner, "Report")
    (folder / "notes.txt").unlink()
    assert "    - notes.txt: 1 files are not committed" in (temp / "report.md").read_text()
