"""Worker processes on this machine: a shard that crashes or hangs costs itself and nothing else."""

import faulthandler
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, TypeVar

Shard = TypeVar("Shard")
Result = TypeVar("Result")


class Lost(NamedTuple):
    """Stands in for the result of a shard whose process died, with the process's exit code."""

    exit_code: int

    @property
    def hung(self) -> bool:
        """Whether `still_alive` ended it."""
        return self.exit_code == 1  # faulthandler's


class Worker(NamedTuple):
    """A process that works for us at the other end of a pipe."""

    process: Any
    pipe: Connection


def still_alive(seconds: float) -> None:
    """Say, in a worker, that the work goes on: without a further word it is ended in `seconds`.

    The clock runs outside the interpreter, so that no decoder that hangs can hold it; where it was
    is then told on stderr.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_here(
    work: Callable[[Shard], Result], shards: Sequence[Shard], workers: int
) -> Iterator[tuple[Shard, Result | Lost]]:
    """Yield each shard with what `work` made of it, in the order in which they are done.

    Workers get a shard at a time, and leave when this process is gone. An exception of `work` is
    raised here.

    Args:
        work: called in a worker.
        shards: in the order in which they are begun.
        workers: how many processes at most.
    """
    context = _context(work)
    left, busy = list(reversed(shards)), dict[Connection, tuple[Worker, Shard]]()
    idle = [_start(context, work) for _ in range(min(workers, len(shards)))]
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
                    result, failure = worker.pipe.recv()
                except (EOFError, ConnectionResetError):
                    worker.process.join()
                    idle.append(_start(context, work))
                    yield shard, Lost(worker.process.exitcode)
                    continue
                if failure is not None:
                    raise failure
                idle.append(worker)
                yield shard, result
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


def _start(context: Any, work: Callable[..., Any]) -> Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours)


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    """Work in a loop, until the other end of the pipe is closed."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            shard = pipe.recv()
            result, failure = None, None
            try:
                result = work(shard)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised over there
                error.add_note("".join(traceback.format_exception(error)))
                failure = error
            faulthandler.cancel_dump_traceback_later()
            pipe.send((result, failure))
