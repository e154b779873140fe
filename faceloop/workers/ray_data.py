"""The same shards through Ray Data, on this machine or on a cluster that shares its disk.

Every node must see the project's folder at the same path (NFS, say) and have this faceloop
installed: shards name files, and what is made of them is left there. That is asked of every node
before any work. Ray runs a shard again when its process
or its node dies; what it gives up after that is tried once more here.
"""

import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple, TypeVar

import numpy as np

from faceloop.base.errors import FaceloopError
from faceloop.workers.answers import answer_of, result_of
from faceloop.workers.local import Lost, run_here

Shard = TypeVar("Shard")
Result = TypeVar("Result")
RETRIES = 2  # of a shard whose process died; Ray Data's own is no end
Rows = dict[str, np.ndarray]


class Home(NamedTuple):
    """What a process on another node needs to stand where this one does.

    folder: the project's. mark: a file that this run left there. path: sys.path. code: of faceloop.
    """

    folder: Path
    mark: Path
    path: list[str]
    code: str


def run_on_ray(
    work: Callable[[Shard], Result],
    shards: Sequence[Shard],
    check: Callable[[], None],
    workers: int | None,
    address: str | None,
) -> Iterator[tuple[Shard, Result | Lost]]:
    """Yield each shard with what `work` made of it, in the order in which they are done.

    Args:
        work: as for `run_here`; where the cluster has GPUs each process gets one.
        shards: the same.
        check: as for `map_shards`.
        workers: how many processes at most; None for as many as there are processors or GPUs.
        address: of a cluster; None starts Ray on this machine, and ends it.

    Raises:
        FaceloopError: Ray is not installed, the cluster is not to be reached, or a node of it does
            not see the project's folder, has another faceloop, or does not pass `check`.
        FaceloopError, WorkFailed: `work` raised something.
    """
    ray = _connect(address)
    left = set(range(len(shards)))
    try:
        with NamedTemporaryFile(dir=Path.cwd(), suffix=".partial") as mark:
            home = Home(Path.cwd(), Path(mark.name), sys.path, _code())
            _check_nodes(ray, home, check)
            for at, result in _map(ray, home, work, shards, workers) if shards else ():
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
            "workers.engine: ray is not installed: run \"pip install 'faceloop[ray]'\", or set it "
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
        raise FaceloopError(f"workers.address: {address} cannot be reached: {error}") from error
    return ray


def _check_nodes(ray: Any, home: Home, check: Callable[[], None]) -> None:
    """Ask each node that works whether it can.

    Raises:
        FaceloopError: one cannot.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask, answers = ray.remote(num_cpus=0)(_finding), []
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            answer = ask.options(scheduling_strategy=there).remote(home, pickle.dumps(check))
            answers.append((node["NodeManagerAddress"], answer))
    for name, answer in answers:
        try:
            finding = ray.get(answer)
        except ray.exceptions.RayError as error:  # faceloop is not installed there
            finding = str(error).strip().splitlines()[-1]
        if finding:
            raise FaceloopError(f"engine ray: node {name}: {finding}")


def _finding(home: Home, check: bytes) -> str | None:
    """Return why this node cannot work, if it cannot."""
    try:
        _enter(home)
        pickle.loads(check)()
    except FaceloopError as error:
        return str(error)
    return None


def _enter(home: Home) -> None:
    """Stand where the machine does that started the run."""
    if home.code != _code():
        raise FaceloopError("its faceloop is another one: install there what runs here")
    if not home.mark.is_file():
        raise FaceloopError(
            f"it does not see {home.folder} of the machine that started this: share that folder "
            "at the same path, or take the node out of the cluster"
        )
    os.chdir(home.folder)
    sys.path += [place for place in home.path if place not in sys.path]


def _map(
    ray: Any,
    home: Home,
    work: Callable[[Shard], Result],
    shards: Sequence[Shard],
    workers: int | None,
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
        fn_constructor_args=(home, pickle.dumps(work)),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=max(1, min(many, len(rows)))),
        num_gpus=1 if gpus else None,
        max_task_retries=RETRIES,
    )
    for row in done.iter_rows():
        yield row["at"], result_of(row["answer"])


def _code() -> str:
    """Return a digest of faceloop's stages as they lie here."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"|".join(file.read_bytes() for file in files)).hexdigest()


class _Working:
    """An actor: it keeps what `work` has loaded from one shard to the next."""

    def __init__(self, home: Home, work: bytes) -> None:
        _enter(home)  # the node may have come later
        self._work = pickle.loads(work)

    def __call__(self, rows: Rows) -> Rows:
        answer = answer_of(self._work, pickle.loads(rows["shard"][0]))
        return {"at": rows["at"], "answer": np.array([answer], dtype=object)}
