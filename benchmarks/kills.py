"""Killing each command before its every write, rename, removal and start of git or DVC.

    python -m benchmarks.kills [--every N] [COMMAND ...]

In a scratch project with real git and real DVC. After each kill `faceloop status` must work, and
the project must be as before the command or as after it. Where it is as before, the command that
was killed, or the one that status names, must lead to the very state after it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from dvc.cli import main as run_dvc_here

from benchmarks.real_faces import print_table
from benchmarks.scratch import ROOT
from demo.batch import draw_batch
from faceloop.base.storage import read_parquet
from faceloop.commands.cli import main as faceloop
from faceloop.commands.repository import dvc
from faceloop.commands.rounds.drafts import ADJUDICATION, Action, Answer, Draft
from faceloop.labels.vote_files import read_queue

KILLED = 137
CHANGES = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
    "subprocess.Popen",
    "faceloop.dvc",
}
TIME = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.+]+")  # of a vote: another in each run
CODE = (
    *("faceloop", "stages", "demo", "labels", "metrics", "data", ".dvc", "dvc.yaml", "dvc.lock"),
    *("engine.yaml", "params.yaml", ".gitignore", ".dvcignore", ".gitattributes"),
)
PEOPLE = {
    f"GIT_{who}_{what}": "test@example.org"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
MARCH, TRUTH = "march", "../march.csv"


def run(folder: Path, words: Sequence[str], kill_before: int = 0) -> tuple[int, str]:
    """Run a command in a folder and return its exit code and what it said.

    Args:
        folder: a project.
        words: of the command, without `faceloop`.
        kill_before: the change, from 1, before which it ends as by SIGKILL; 0: none.
    """
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            _run_here(folder, list(words), kill_before, said.fileno())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return code, said.read()


def _run_here(folder: Path, words: list[str], kill_before: int, stream: int) -> NoReturn:
    code = 70
    try:
        os.chdir(folder)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        sys.stdout, sys.stderr = (open(one, "w", closefd=False) for one in (1, 2))  # noqa: SIM115
        sys.argv = ["faceloop", *words]
        if kill_before:
            sys.addaudithook(_killer(kill_before))
        code = faceloop(words)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _killer(kill_before: int) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that ends this process before its n-th change."""
    done, here = 0, os.getpid()

    def hook(event: str, about: tuple[Any, ...]) -> None:
        nonlocal done
        if os.getpid() != here:  # git and DVC finish what they have begun
            return
        if event == "open":
            flags = about[2] if isinstance(about[2], int) else 0
            if not flags & (os.O_WRONLY | os.O_RDWR) or "__pycache__" in str(about[0]):
                return
        elif event not in CHANGES:
            return
        done += 1
        if done == kill_before:
            os._exit(KILLED)

    return hook


def state_of(folder: Path) -> dict[str, bytes]:
    """Return what must be as before or as after: all that people and stages made, and the tags."""
    state = {}
    for path in sorted(folder.parent.rglob("*")):
        name = path.relative_to(folder.parent).as_posix()
        of_git = "/.git/" in name and "/refs/tags/" not in name
        passing = path.suffix == ".partial" or "/.work/" in name or "/.dvc/" in name
        if path.is_file() and not of_git and not passing and "__pycache__" not in name:
            tag = "/refs/tags/" in name  # another object in each run: it holds the time
            state[name] = b"" if tag else TIME.sub(b"", path.read_bytes())
    return state


def kill_points(
    project: Path, words: Sequence[str], work: Path, every: int = 1
) -> Iterator[tuple[int, str]]:
    """Yield each point where a command was killed, and what was wrong after it; "" for nothing.

    Args:
        project: left as it is; each kill is in a copy of the folder that it lies in.
        words: of the command.
        work: an empty folder for the copies.
        every: kill before every n-th change.
    """
    whole = _copy(project, work / "whole")
    before = state_of(whole)
    code, said = run(whole, words)
    if code:
        raise RuntimeError(said)
    after = state_of(whole)
    status = run(whole, ["status"])
    point = 1
    while True:
        copy = _copy(project, work / "killed")
        if run(copy, words, point)[0] != KILLED:
            return
        yield point, _wrong(copy, words, before, after, status)
        point += every


def _copy(project: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(project.parent, place, symlinks=True)
    return place / project.name


def _wrong(
    copy: Path,
    words: Sequence[str],
    before: dict[str, bytes],
    after: dict[str, bytes],
    status: tuple[int, str],
) -> str:
    code, said = run(copy, ["status"])
    if code:
        return f"status fails: {said}"
    now = state_of(copy)
    named = re.search(r"^next +faceloop (rollback \S+):", said, flags=re.MULTILINE)
    if named:
        words = named[1].split()
    elif now == after:
        return "" if run(copy, ["status"]) == status else f"status differs: {said}"
    elif now != before:
        return f"half done: {sorted(path for path in now if now[path] != before.get(path))[:3]}"
    code, said = run(copy, words)
    if code:
        return f"{' '.join(words)} fails: {said}"
    return "" if state_of(copy) == after else f"{' '.join(words)} ends elsewhere"


def main() -> None:
    """Print how many points were tried and survived, a row a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND")
    parser.add_argument("--every", type=int, default=1, help="try every n-th point (default: all)")
    arguments = parser.parse_args()
    dvc._run = warm_dvc
    os.environ |= PEOPLE
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for name, project, words in scenarios(Path(work)):
            if arguments.commands and words[0] not in arguments.commands:
                continue
            found = list(kill_points(project, words, Path(work) / "copies", arguments.every))
            for point, wrong in found:
                if wrong:
                    print(f"{name}, killed before change {point}: {wrong}", file=sys.stderr)
            survived = sum(not wrong for _, wrong in found)
            rows.append({"command": name, "points": len(found), "survived": survived})
            print(rows[-1], file=sys.stderr, flush=True)
    print_table(pd.DataFrame(rows))


def scenarios(work: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Yield commands with a project in which each has something to do; the project goes on."""
    project = work / "home/project"
    project.mkdir(parents=True)
    for name in CODE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, project / name)
    shutil.rmtree(project / ".dvc/cache", ignore_errors=True)
    (project / ".dvc/config.local").unlink(missing_ok=True)
    (project / "models/embedders").mkdir(parents=True)
    (project / "models/embedders/.gitkeep").touch()
    say(project, "git init -q -b main")
    say(project, f"dvc config --local cache.dir {work}/cache")
    commit(project, "A clone")
    classes = ["none", "glasses", "sunglasses"]
    yield "start", project, ["start", "--classes", *classes]
    go(project, "start", "--classes", *classes)
    draw_batch(
        project / f"data/raw/{MARCH}", work / "home/march.csv", photos=40, video_seconds=0, seed=3
    )
    params = (project / "params.yaml").read_text(encoding="utf-8")
    params = (
        params.replace("  size: 60", "  size: 12")
        .replace("  size: 240", "  size: 24")
        .replace("reserve: 20", "reserve: 4")
    )
    (project / "params.yaml").write_text(params, encoding="utf-8")
    say(project, f"dvc remote add --default store {work}/store")
    yield "next --batch", project, ["next", "--batch", MARCH]
    go(project, "next", "--batch", MARCH)
    say(project, "dvc repro")
    yield "next", project, ["next"]
    go(project, "next")
    with chdir(project):
        answer(project, "o00-i00", "ana", read_queue("o00-i00")["asked_id"].tolist())
    yield "submit", project, ["submit", "--as", "ana"]
    go(project, "vote", "--truth", TRUTH)
    say(project, "dvc repro")
    commit(project, "Round o00-i00")
    yield "finish", project, ["finish"]
    go(project, "finish")
    yield "next, with reserve", project, ["next"]
    go(project, "next")
    faces = read_parquet(project / f"data/faces/{MARCH}.parquet")["face_id"].tolist()
    with chdir(project):
        queued = read_queue("o01-i00")["asked_id"].tolist()
    sort_crops(project.parent / "ben", "none", [*queued, *(set(faces) - {*queued})][: len(queued)])
    yield "import", project, ["import", "../ben", "--as", "ben"]
    go(project, "import", "../ben", "--as", "ben")
    yield "vote", project, ["vote", "--truth", TRUTH]
    go(project, "vote", "--truth", TRUTH)
    sort_crops(project.parent / "carl", "glasses", queued[:3])
    go(project, "import", "../carl", "--as", "carl")
    answer(project, ADJUDICATION, "dora", queued[:3])
    yield "adjudicate, submitted", project, ["submit", "--as", "dora"]
    go(project, "submit", "--as", "dora")
    yield "next --extend", project, ["next", "--extend", "2"]
    go(project, "next", "--extend", "2")
    go(project, "vote", "--truth", TRUTH)
    say(project, "dvc repro")
    commit(project, "Round o01-i00")
    go(project, "finish")
    yield "release", project, ["release", "../release"]
    yield "rollback", project, ["rollback", "o00-i00"]


def go(project: Path, *words: str) -> None:
    """Run a command of faceloop that must succeed."""
    code, said = run(project, words)
    if code:
        raise RuntimeError(f"{' '.join(words)}: {said}")


def say(project: Path, command: str) -> None:
    """Run a shell command in a project, with its own code."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(project)}
    done = subprocess.run(
        command, shell=True, cwd=project, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")


def commit(project: Path, message: str) -> None:
    """Commit all that there is."""
    say(project, f"git add -A && git commit -qm '{message}'")


def answer(project: Path, title: str, name: str, faces: Sequence[str]) -> None:
    """Leave the draft that the page would, of somebody who says the same of all faces."""
    answers = [Answer(face_id=one, label="none", seconds=1) for one in faces]
    with chdir(project), Draft(title, name) as draft:
        draft.append([Action(action="all", answers=answers)])


def sort_crops(folder: Path, label: str, faces: Sequence[str]) -> None:
    """Leave the folder of somebody who sorted exported crops of these faces."""
    (folder / label).mkdir(parents=True)
    for one in faces:
        (folder / label / f"{one}.jpg").touch()


def warm_dvc(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run DVC in a fork of this process, which has imported it: it starts at once."""
    sys.audit("faceloop.dvc")
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.stdout, sys.stderr = (open(one, "w", closefd=False) for one in (1, 2))  # noqa: SIM115
            code = run_dvc_here(list(words))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


if __name__ == "__main__":
    main()
