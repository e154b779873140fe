"""Worker processes on this machine: a shard that crashes or hangs costs itself and nothing else."""

import faulthandler
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, TextIO, TypeVar

from faceloop.workers.answers import answer_of, result_of

Shard = TypeVar("Shard")
Result = TypeVar("Result")


class Lost(NamedTuple):
    """Stands in for the result of a shard whose process died.

    exit_code: the process's. hung: whether `still_alive` ended it.
    """

    exit_code: int
    hung: bool = False


class Worker(NamedTuple):
    """A process that works for us at the other end of a pipe.

    last_words: a file that stays empty unless `still_alive` ends the process. Its exit code, 1,
    would not tell that: a decoder may end with it too.
    """

    process: Any
    pipe: Connection
    last_words: Path


_last_words: TextIO | None = None  # of this process, where it is a worker


def still_alive(seconds: float) -> None:
    """Say, in a worker, that the work goes on: without a further word it is ended in `seconds`.

    The clock runs outside the interpreter, so that no decoder that hangs can hold it; where it was
    is then told on stderr.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=_last_words or sys.stderr)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_here(
    work: Callable[[Shard], Result], shards: Sequence[Shard], workers: int
) -> Iterator[tuple[Shard, Result | Lost]]:
    """Yield each shard with what `work` made of it, in the order in which they are done.

    Workers get a shard at a time, and leave when this process is gone.

    Args:
        work: called in a worker.
        shards: in the order in which they are begun.
        workers: how many processes at most.

    Raises:
        FaceloopError, WorkFailed: `work` raised something.
    """
    with tempfile.TemporaryDirectory(prefix="faceloop-") as folder:
        files = (Path(folder) / str(number) for number in count())
        yield from _run(_context(work), work, shards, workers, files)


def _run(
    context: Any,
    work: Callable[[Shard], Result],
    shards: Sequence[Shard],
    workers: int,
    files: Iterator[Path],
) -> Iterator[tuple[Shard, Result | Lost]]:
    left, busy = list(reversed(shards)), dict[Connection, tuple[Worker, Shard]]()
    idle = [_start(context, work, next(files)) for _ in range(min(workers, len(shards)))]
    try:
        while left or busy:
            while left and idle:
                worker, shard = idle.pop(), left.pop()
                busy[worker.pipe] = worker, shard
                with suppress(BrokenPipeError):  # it died while idle: told below
                    worker.pipe.send(shard)
            for pipe in wait(list(busy)):
                worker, shard = busy.pop(pipe)  # type: ignore[call-overload]
                try:
                    answer = worker.pipe.recv_bytes()
                except (EOFError, ConnectionResetError):
                    idle.append(_start(context, work, next(files)))
                    yield shard, _lost(worker)
                    continue
                idle.append(worker)
                yield shard, result_of(answer)
    finally:
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            worker.process.terminate()
            worker.process.join()
            worker.pipe.close()


def _context(work: Callable[..., Any]) -> Any:
    """Return how processes start: forked, if possible, from a clean one that has imported `work`
    and what its module's PRELOAD names.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    function = work.func if isinstance(work, partial) else work
    heavy = getattr(sys.modules[function.__module__], "PRELOAD", ())
    context.set_forkserver_preload([function.__module__, *heavy])
    return context


def _start(context: Any, work: Callable[..., Any], last_words: Path) -> Worker:
    ours, theirs = context.Pipe()
    last_words.touch()
    process = context.Process(target=_serve, args=(theirs, work, last_words), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours, last_words)


def _lost(worker: Worker) -> Lost:
    """Return how a worker died that answers no more; what a hang left to say goes to stderr."""
    worker.process.join()
    worker.pipe.close()
    words = worker.last_words.read_text(encoding="utf-8", errors="replace")
    sys.stderr.write(words)
    return Lost(worker.process.exitcode, hung=words != "")


def _serve(pipe: Connection, work: Callable[[Any], Any], last_words: Path) -> None:
    """Work in a loop, until the other end of the pipe is closed."""
    global _last_words
    with (
        last_words.open("w", encoding="utf-8") as _last_words,
        suppress(EOFError, BrokenPipeError, ConnectionResetError),
    ):
        while True:
            pipe.send_bytes(answer_of(work, pipe.recv()))
