"""The engine that `workers:` in params.yaml names."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from faceloop.workers.local import Lost, cores, run_here
from faceloop.workers.params import Workers

MOST_THREADS = 4  # of a process: each holds a picture in memory
Shard = TypeVar("Shard")
Result = TypeVar("Result")


def count_workers(settings: Workers, n_shards: int) -> int:
    """Return how many processes work side by side on this machine, one at least."""
    wanted = cores() if settings.count == "auto" else settings.count
    return max(1, min(wanted, n_shards))


def map_shards(
    work: Callable[[Shard], Result],
    shards: Sequence[Shard],
    settings: Workers,
    check: Callable[[], None],
) -> Iterator[tuple[Shard, Result | Lost]]:
    """Yield each shard with what `work` made of it, or that it was lost, as they are done.

    Args:
        work: a module's function or a `partial` of one.
        shards: small values that can be sent to a process.
        settings: which engine, and how many workers.
        check: called on every machine, in the project's folder, before any work; sent like `work`.

    Raises:
        FaceloopError: `check` raised it, or Ray cannot work.
    """
    if settings.engine == "local":
        check()
        return run_here(work, shards, count_workers(settings, len(shards)))
    from faceloop.workers.ray_data import run_on_ray

    workers = None if settings.count == "auto" else settings.count
    return run_on_ray(work, shards, check, workers, settings.address)


def threads_each(settings: Workers) -> int:
    """Return how many threads a process may use beside the others: the last one has the machine."""
    return min(cores(), MOST_THREADS) if settings.engine == "local" else 1
