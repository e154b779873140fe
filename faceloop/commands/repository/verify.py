"""`faceloop verify`: is this commit whole, and is what earlier commits hold untouched?"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from faceloop.balance.known_sources import SOURCES_DIR
from faceloop.base.code import ENGINE, recorded_digests
from faceloop.base.errors import FaceloopError
from faceloop.base.links import is_here
from faceloop.commands.engine import digests
from faceloop.commands.repository.dvc import run_dvc, stages_to_run, stale_stages
from faceloop.commands.repository.git import run_git, uncommitted
from faceloop.commands.repository.lock import strays
from faceloop.commands.repository.vote_history import changed_label_files
from faceloop.commands.settings import read_settings
from faceloop.faces.batch_files import FORMULA_STARTS
from faceloop.labels.vote_files import LABELS_DIR, known_rounds, read_rows, read_votes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what there is to compare with."""
    parser.add_argument(
        "--no-data", action="store_true", help="the data sets are not here, as in CI"
    )
    parser.add_argument(
        "--no-remote", action="store_true", help="do not ask the remote, as in a fork's CI"
    )
    parser.add_argument(
        "--base", metavar="REV", help="what labels are compared with (default: the main branch)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each finding, with its remedy; return 1 where there is one."""
    checks = commit_checks(arguments.base, has_data=not arguments.no_data)
    if not arguments.no_remote:
        checks.append(remote_findings)
    findings = all_findings(checks)
    for line in findings:
        print(f"- {line}")
    asked = ", the remote was not asked" if arguments.no_remote else ""
    print(f"verify: {len(findings) or 'no'} finding{'s' * (len(findings) != 1)}{asked}")
    return 1 if findings else 0


def commit_checks(base: str | None, has_data: bool) -> list[Callable[[], list[str]]]:
    """Return the checks of a commit that need no remote."""
    return [
        link_findings,
        label_findings,
        formula_findings,
        lambda: changed_label_files(base),
        git_findings,
        strays,
        lambda: stale_findings(has_data),
    ]


def all_findings(checks: list[Callable[[], list[str]]]) -> list[str]:
    """Return what all checks find; a check that cannot be made is a finding too."""
    findings: list[str] = []
    for check in checks:
        try:
            findings += check()
        except FaceloopError as error:
            findings.append(str(error))
    return list(dict.fromkeys(findings))


def label_findings() -> list[str]:
    """Return params and label files that cannot be read, the first fault of each round."""
    settings = read_settings()
    findings = []
    for name in known_rounds(settings.rounds):
        try:
            read_votes(name, settings.classes)
        except FaceloopError as error:
            findings.append(str(error))
    return findings


def link_findings() -> list[str]:
    """Return links where people's own files belong: what they lead to is not in this commit."""
    return [
        f"{path}: a link: put what it should hold there itself"
        for folder in (LABELS_DIR, SOURCES_DIR)
        for path in (folder, *sorted(folder.rglob("*")))
        if path.is_symlink()
    ]


def formula_findings() -> list[str]:
    """Return cells of label files that a spreadsheet would run when a reviewer opens the file."""
    return [
        f"{path}:{row}: {column} {cell[:40]!r} is a formula in a spreadsheet: take it out"
        for path in sorted(LABELS_DIR.glob("*/*.csv"))
        if is_here(path)
        for row, cells in read_rows(path, ["face_id"])
        for column, cell in cells.items()
        if cell.startswith(FORMULA_STARTS) and not is_number(cell)
    ]


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number, which may begin with a sign."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def git_findings() -> list[str]:
    """Return what git does not hold, and what it holds and must not: faces, models."""
    findings = []
    if files := uncommitted():
        findings.append(f"{files[0]}: {len(files)} files are not committed: git add -A, commit")
    findings += [
        f"{path}: git holds what .gitignore keeps out: git rm --cached {path}, commit"
        for path in run_git("ls-files", "--cached", "--ignored", "--exclude-standard").splitlines()
    ]
    return findings


def stale_findings(has_data: bool) -> list[str]:
    """Return the stages that dvc.lock is behind of."""
    recorded = recorded_digests()
    if other := [name for name, digest in digests().items() if recorded.get(name) != digest]:
        names = ", ".join(other)
        return [f"{ENGINE}: of other code ({names}): faceloop engine, dvc repro, then commit"]
    if not read_settings().batches:
        return []  # a new project: nothing can have been made
    stale = stale_stages() if has_data else stages_to_run()
    if not stale:
        return []
    return [f"dvc.lock: stale ({', '.join(stale)}): dvc repro, then commit dvc.lock and metrics"]


def remote_findings() -> list[str]:
    """Return what the default remote lacks of this commit's data sets."""
    if "(default)" not in run_dvc("remote", "list"):
        config = Path(".dvc/config")
        return [f"{config}: no remote keeps the data sets: dvc remote add --default store URL"]
    status = run_dvc("data", "status", "--not-in-remote", "--granular", "--json")
    missing = json.loads(status).get("not_in_remote", [])
    if not missing:
        return []
    return [f"{missing[0]}: {len(missing)} files of this commit are not in the remote: dvc push"]
