"""`faceloop next`: open or extend a round, or the next outer iteration with a new batch."""

import argparse
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd

from faceloop.base.blocks import Rounds
from faceloop.base.errors import FaceloopError
from faceloop.base.randomness import generator
from faceloop.base.rounds import next_round
from faceloop.base.storage import QUEUE_DIR, read_csv, write_csv
from faceloop.commands.journal import sole_writer, together
from faceloop.commands.repository.dvc import run_dvc, stale_stages
from faceloop.commands.rounds.dealing import deal_anew, deal_out
from faceloop.commands.rounds.edit_params import edit_params
from faceloop.commands.rounds.skew import check_balance, check_sources
from faceloop.commands.rounds.state import GO_ON, State, next_step, read_state, told
from faceloop.faces.batch_files import RAW_DIR, look_over, printable
from faceloop.labels.columns import ASKED_AS
from faceloop.labels.file_names import check_file_name, check_spelling
from faceloop.labels.vote_files import (
    annotator_files,
    queue_path,
    read_reserve,
    reserve_path,
    write_queue,
)
from faceloop.pool.queue import QUEUE, extend

SHOWN = 10  # faults of a batch, before the rest is counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the name of a new batch, or how many faces to add to this round."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--batch", metavar="NAME", help="a folder of data/raw: start the next outer iteration on it"
    )
    what.add_argument(
        "--extend", metavar="N", type=int, help="add N validation faces to this round instead"
    )
    what.add_argument(
        "--deal",
        action="store_true",
        help="deal this round's queue out anew, by label.annotators; no vote is touched",
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="go on though people disagree on faces, or open the first queue of a skewed batch",
    )


@sole_writer("next")
def run(arguments: argparse.Namespace) -> int:
    """Move the loop on by one step, or say why it cannot."""
    state = read_state()
    if arguments.deal:
        return deal_anew(state)
    if len(state.unanswered):
        raise FaceloopError(
            f"{len(state.unanswered)} of {len(state.queue)} faces of {state.candidate} lack a "
            f"vote, such as {state.unanswered[0]}; {next_step(state)}"
        )
    if state.conflicts and arguments.extend is None and not arguments.anyway:
        raise FaceloopError(
            f"people disagree on {told(state.conflicts)}, and nobody has settled that; "
            f"{next_step(state)}; or go on with --anyway"
        )
    if arguments.batch:
        return open_batch(state, arguments.batch)
    if arguments.extend is not None:
        return extend_round(state, arguments.extend)
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
    if len(state.queue) and state.gate.verdict not in GO_ON:
        raise FaceloopError(
            f"the gate says {state.gate.verdict}: {'; '.join(state.gate.reasons)}; "
            "go on with 'faceloop next --batch NAME'"
        )
    if state.waits_for_extension:
        raise FaceloopError(f"gate.on_undecided wants the gain settled first: {next_step(state)}")
    if state.drawn.empty:
        raise FaceloopError("the pool is exhausted: go on with 'faceloop next --batch NAME'")
    check_balance(state, anyway)
    name = next_round(state.candidate, new_batch=False) if len(state.queue) else state.candidate
    without_gain = state.gate.without_gain
    with together():
        freeze_queue(state, name)
        if name != state.candidate:
            edit_params(move_on(state.settings.rounds, name, without_gain=without_gain))
    print(f"next: {len(state.drawn)} faces wait in {queue_path(name)}")
    print(f"then: git add -A && git commit -m 'Open {name}'; {next_step(read_state())}")
    return 0


def freeze_queue(state: State, name: str) -> None:
    """Write the drawn queue: purposes mixed in a seeded order, faces dealt out to annotators.

    Raises:
        FaceloopError: the round has votes already.
    """
    if files := annotator_files(name):
        raise FaceloopError(f"{files[0]} holds votes of {name}: its queue must stay as it is")
    if state.drawn is not None:
        reserve = read_csv(QUEUE_DIR / "reserve.csv", QUEUE)
        order = generator(state.settings.seed, "queue", name).permutation(len(state.drawn))
        drawn = state.drawn.sort_values("face_id").rename(columns=ASKED_AS)
        write_queue(deal_out(drawn.iloc[order], name, state), name)
        if len(reserve):
            write_csv(reserve, reserve_path(name))


def extend_round(state: State, size: int) -> int:
    """Ask `size` more validation faces in the candidate round: the next of its reserve.

    Raises:
        FaceloopError: the round is not open, or its reserve holds fewer.
    """
    name, left = state.candidate, state.reserve_left
    if state.queue.empty:
        raise FaceloopError(f"{name} is not open: there is no round to extend; {next_step(state)}")
    if not 1 <= size <= left:
        raise FaceloopError(
            f"--extend {size}: {name} holds {left} more validation faces in reserve; take 1 to "
            f"{left}, or set sample_validation.reserve higher for the rounds to come"
            if left
            else f"--extend {size}: the reserve of {name} is used up; set "
            "sample_validation.reserve higher for the rounds to come"
        )
    longer = extend(state.queue, read_reserve(name), size)
    new = deal_out(longer.iloc[len(state.queue) :], name, state)
    with together():
        write_queue(pd.concat([longer.iloc[: len(state.queue)], new]), name)
    print(f"next: {size} validation faces more in {queue_path(name)}, {left - size} in reserve")
    print(f"then: {next_step(read_state())}")
    return 0


def open_batch(state: State, batch: str) -> int:
    """Add a batch as the new pool, and open the next outer iteration where one has ended.

    Raises:
        FaceloopError: the batch is known, missing, empty or badly named, or the pipeline is stale.
    """
    if batch in state.settings.batches:
        raise FaceloopError(f"batch {batch!r} is in params.yaml already; name a new one")
    try:
        check_file_name(batch)
        check_spelling([batch], state.settings.batches)
    except ValueError as error:
        raise FaceloopError(f"batch {batch!r}: rename the folder: {error}") from error
    check_files(batch)
    check_sources(batch, state.settings)
    if len(state.queue):
        require_fresh(state)
    track_batch(RAW_DIR / batch)
    rejected = bool(state.gate and state.gate.rejected)
    name = next_round(state.candidate, new_batch=True) if len(state.queue) else state.candidate

    changes: dict[str, Any] = {"batches": [*state.settings.batches, batch]}
    if name != state.candidate:
        changes |= move_on(state.settings.rounds, name, rejected)
    with together():
        edit_params(changes)
    print(f"next: batch {batch} is the pool; round {name} opens on it")
    print("then: dvc repro, and after it: faceloop next")
    return 0


def check_files(batch: str) -> None:
    """Refuse a folder that DVC cannot take whole.

    Raises:
        FaceloopError: the folder or one above is a link, it is missing or empty, or it holds what
            is no photo's or video's own file; each is named with its remedy.
    """
    folder = RAW_DIR / batch
    for one in (*reversed(folder.parents), folder):
        if one.is_symlink():
            raise FaceloopError(f"{one} is a link, which DVC does not follow: move its folder here")
    refused = list(look_over(batch).refused.items())
    if refused:
        lines = [f"- {printable(path)}: {reason}" for path, reason in refused[:SHOWN]]
        more = [f"- and {len(refused) - SHOWN} more"] if len(refused) > SHOWN else []
        raise FaceloopError("\n".join([f"{folder} holds what no batch can:", *lines, *more]))


def move_on(
    rounds: Rounds, name: str, rejected: bool = False, without_gain: int = 0
) -> dict[str, Any]:
    """Return the params that make `name` the candidate, by dotted key.

    The old candidate becomes accepted, or rejected. `without_gain` counts the rounds in a row
    without gain, up to the old candidate; a new batch begins anew.
    """
    judged: dict[str, Any] = (
        {"rounds.rejected": [*rounds.rejected, rounds.candidate]}
        if rejected
        else {"rounds.accepted": rounds.candidate}
    )
    return judged | {"rounds.candidate": name, "rounds.without_gain": without_gain}


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
