"""The same shards through Ray Data, on this machine or on a cluster that shares its disk.

Every node must see the project's folder at the same path (NFS, say) and have faceloop installed:
shards name files, and what is made of them is left there. Ray runs a shard again when its process
or its node dies; what it gives up after that is tried once more here.
"""

import faulthandler
import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from stages.core.errors import FaceloopError
from stages.engines.local import Lost, run_here

Shard = TypeVar("Shard")
Result = TypeVar("Result")
RETRIES = 2  # of a shard whose process died; Ray Data's own is no end
Rows = dict[str, np.ndarray]


def run_on_ray(
    work: Callable[[Shard], Result],
    shards: Sequence[Shard],
    workers: int | None,
    address: str | None,
) -> Iterator[tuple[Shard, Result | Lost]]:
    """Yield each shard with what `work` made of it, in the order in which they are done.

    Args:
        work: as for `run_here`; where the cluster has GPUs each process gets one.
        shards: the same.
        workers: how many processes at most; None for as many as there are processors or GPUs.
        address: of a cluster; None starts Ray on this machine, and ends it.

    Raises:
        FaceloopError: Ray is not installed, or the cluster is not to be reached.
    """
    ray = _connect(address)
    try:
        left = set(range(len(shards)))
        for at, result in _map(ray, work, shards, workers) if shards else ():
            left.discard(at)
            yield shards[at], result
    except ray.exceptions.RayError as error:
        print(f"engine ray: {str(error).splitlines()[0]}", file=sys.stderr)
    finally:
        ray.shutdown()
    if left:
        print(f"engine ray: {len(left)} of {len(shards)} are tried once more here", file=sys.stderr)
        yield from run_here(work, [shards[at] for at in sorted(left)], 1)


def _connect(address: str | None) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report that it is used
    try:
        import ray.data
    except ImportError as error:
        raise FaceloopError(
            "engine.name: ray is not installed: run \"pip install 'faceloop[ray]'\", or set it "
            "to local in params.yaml"
        ) from error
    try:
        ray.init(
            address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="warning",
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise FaceloopError(f"engine.address: {address} cannot be reached: {error}") from error
    return ray


def _map(
    ray: Any, work: Callable[[Shard], Result], shards: Sequence[Shard], workers: int | None
) -> Iterator[tuple[int, Result]]:
    """Yield the places of the shards that Ray has done, each with its result."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # one shard a block: the others go on
    gpus = int(ray.cluster_resources().get("GPU", 0))
    rows = [{"at": at, "shard": pickle.dumps(shard)} for at, shard in enumerate(shards)]
    many = workers or gpus or int(ray.cluster_resources()["CPU"])
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Working,
        fn_constructor_args=(pickle.dumps(work), Path.cwd(), sys.path, _code()),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=max(1, min(many, len(rows)))),
        num_gpus=1 if gpus else None,
        max_task_retries=RETRIES,
    )
    for row in done.iter_rows():
        yield row["at"], pickle.loads(row["result"])


def _code() -> str:
    """Return a digest of faceloop's stages as they lie here."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"|".join(file.read_bytes() for file in files)).hexdigest()


class _Working:
    """An actor: it keeps what `work` has loaded from one shard to the next."""

    def __init__(self, work: bytes, folder: Path, path: Sequence[str], code: str) -> None:
        if code != _code():
            raise RuntimeError("faceloop on this node is not that of the machine that started it")
        os.chdir(folder)
        sys.path += [place for place in path if place not in sys.path]
        self._work = pickle.loads(work)

    def __call__(self, rows: Rows) -> Rows:
        result = self._work(pickle.loads(rows["shard"][0]))
        faulthandler.cancel_dump_traceback_later()
        return {"at": rows["at"], "result": np.array([pickle.dumps(result)], dtype=object)}
