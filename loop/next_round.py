"""`faceloop next`: open the next round, or the next outer iteration with a new batch."""

import argparse
import re
import subprocess
from pathlib import Path
from typing import Any

from loop.balance import check_balance, check_sources
from loop.dvc import run_dvc, stale_stages
from loop.edit_params import edit_params
from loop.state import GO_ON, State, next_step, read_state
from stages.core.errors import FaceloopError
from stages.core.randomness import generator
from stages.core.rounds import next_round
from stages.core.settings import NAME_PATTERN
from stages.files.labels import annotator_files, queue_path, write_queue
from stages.files.media import RAW_DIR, list_sources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the name of a new batch."""
    parser.add_argument(
        "--batch", metavar="NAME", help="a folder of data/raw: start the next outer iteration on it"
    )
    parser.add_argument(
        "--anyway", action="store_true", help="open the first queue of a batch that is skewed"
    )


def run(arguments: argparse.Namespace) -> int:
    """Move the loop on by one step, or say why it cannot."""
    state = read_state()
    if len(state.unanswered):
        raise FaceloopError(
            f"{len(state.unanswered)} of {len(state.queue)} faces of {state.candidate} have no "
            f"vote yet, such as {state.unanswered[0]}; {next_step(state)}"
        )
    if arguments.batch:
        return open_batch(state, arguments.batch)
    return open_round(state, arguments.anyway)


def open_round(state: State, anyway: bool = False) -> int:
    """Freeze the drawn queue as the next round's, and move params.yaml on.

    Raises:
        FaceloopError: the pipeline is stale, the gate says stop, nothing is left to ask, or the
            batch is skewed and params.yaml refuses that.
    """
    require_fresh(state)
    if state.gate is None or state.drawn is None:
        raise FaceloopError("no queue is drawn yet: run 'dvc repro'")
    if len(state.queue) and state.gate["verdict"] not in GO_ON:
        raise FaceloopError(
            f"the gate says {state.gate['verdict']}: {'; '.join(state.gate['reasons'])}; "
            "go on with 'faceloop next --batch NAME'"
        )
    if state.drawn.empty:
        raise FaceloopError("the pool is exhausted: go on with 'faceloop next --batch NAME'")
    check_balance(state, anyway)
    name = next_round(state.candidate, new_batch=False) if len(state.queue) else state.candidate
    freeze_queue(state, name)
    if name != state.candidate:
        edit_params(lambda params: move_on(params, name, rejected=False))
    print(f"next: {len(state.drawn)} faces wait in {queue_path(name)}")
    print(f"then: git add -A && git commit -m 'Open {name}'; {next_step(read_state())}")
    return 0


def freeze_queue(state: State, name: str) -> None:
    """Write the drawn queue, validation and informative faces mixed in a seeded order.

    Raises:
        FaceloopError: the round has votes already.
    """
    if files := annotator_files(name):
        raise FaceloopError(f"{files[0]} holds votes of {name}: its queue must stay as it is")
    if state.drawn is not None:
        order = generator(state.settings.seed, "queue", name).permutation(len(state.drawn))
        write_queue(state.drawn.sort_values("face_id").iloc[order], name)


def open_batch(state: State, batch: str) -> int:
    """Add a batch as the new pool, and open the next outer iteration where one has ended.

    Raises:
        FaceloopError: the batch is known, missing, empty or badly named, or the pipeline is stale.
    """
    if batch in state.settings.batches:
        raise FaceloopError(f"batch {batch!r} is in params.yaml already; name a new one")
    if not re.fullmatch(NAME_PATTERN, batch):
        raise FaceloopError(f"batch {batch!r}: rename the folder; allowed: letters, digits, _ . -")
    list_sources(batch)
    check_sources(batch, state.settings)
    if len(state.queue):
        require_fresh(state)
    track_batch(RAW_DIR / batch)
    rejected = bool(state.gate and state.gate["rejected"])
    name = next_round(state.candidate, new_batch=True) if len(state.queue) else state.candidate

    def change(params: Any) -> None:
        params["batches"].append(batch)
        if name != state.candidate:
            move_on(params, name, rejected)

    edit_params(change)
    print(f"next: batch {batch} is the pool; round {name} opens on it")
    print("then: dvc repro, and after it: faceloop next")
    return 0


def move_on(params: Any, name: str, rejected: bool) -> None:
    """Make `name` the candidate; the old candidate becomes accepted, or rejected."""
    rounds = params["rounds"]
    if rejected:
        rounds["rejected"].append(rounds["candidate"])
    else:
        rounds["accepted"] = rounds["candidate"]
    rounds["candidate"] = name


def require_fresh(state: State) -> None:
    """Refuse to go on from figures that are not of these labels, params, data and code.

    Raises:
        FaceloopError: with the stages that are stale.
    """
    stale = ["the verdict"] if state.is_behind else stale_stages()
    if stale:
        raise FaceloopError(f"the pipeline is stale ({', '.join(stale)}): run 'dvc repro'")


def track_batch(folder: Path) -> None:
    """Give a batch's photos and videos to DVC, unless git holds them or DVC has them already."""
    held = subprocess.run(["git", "ls-files", folder.as_posix()], capture_output=True, check=False)
    if not held.stdout and not folder.with_name(f"{folder.name}.dvc").is_file():
        run_dvc("add", folder.as_posix())
