"""Worker processes and threads: every shard is told, whatever happens to its process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from faceloop.base.errors import FaceloopError
from faceloop.workers.ahead import map_ahead
from faceloop.workers.answers import WorkFailed
from faceloop.workers.dispatch import count_workers, map_shards
from faceloop.workers.local import Lost, run_here, still_alive
from faceloop.workers.params import Workers

ROOT = Path(__file__).resolve().parents[1]


def times(shard: int, factor: int) -> int:
    if shard == 13:
        raise ValueError(f"{shard} is not liked")
    return shard * factor


class Picky(Exception):
    """An exception that cannot be made from its text alone."""

    def __init__(self, shard: int, reason: str) -> None:
        super().__init__(f"{shard} is {reason}")


def failing(shard: int) -> Any:
    """Raise a picky exception, an error that people read, or return what cannot be sent."""
    if shard == 0:
        raise Picky(shard, "not liked")
    if shard == 1:
        raise FaceloopError("params.yaml: mend it")
    return lambda: shard


FAILURES = [
    (0, WorkFailed, "^Picky: 0 is not liked\n"),
    (1, FaceloopError, "^params.yaml: mend it\n"),
    (2, WorkFailed, "lambda"),
]


def leaving(shard: int) -> int:
    """End with faulthandler's own exit code, in two ways that are no hang."""
    still_alive(60)
    if shard == 0:
        sys.exit(1)
    if shard == 1:
        os._exit(1)
    return shard


def often_dying(shard: int) -> int:
    if shard % 3 == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    if shard % 3 == 1:
        still_alive(0.05)
        time.sleep(60)
    return os.getpid()


def noting_and_slow(shard: int, folder: Path) -> None:
    (folder / f"{os.getpid()}").touch()
    time.sleep(0.2)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_shard_comes_back_with_its_result(workers: int) -> None:
    done = dict(run_here(partial(times, factor=7), range(10), workers))
    assert done == {shard: shard * 7 for shard in range(10)}


def test_no_shard_no_process() -> None:
    assert list(run_here(partial(times, factor=7), [], 3)) == []


def test_a_process_that_crashes_or_hangs_costs_one_shard() -> None:
    done = dict(run_here(often_dying, range(6), 2))
    assert [done[shard] for shard in (0, 3)] == [Lost(-signal.SIGSEGV)] * 2
    assert [done[shard] for shard in (1, 4)] == [Lost(1, hung=True)] * 2
    assert all(isinstance(done[shard], int) for shard in (2, 5))


def test_a_hang_tells_where_it_was(capfd: Any) -> None:
    assert dict(run_here(often_dying, [1], 1)) == {1: Lost(1, hung=True)}
    assert "in often_dying" in capfd.readouterr().err


@pytest.mark.parametrize("shards", [[0], [1, 2], [2, 0, 1]])
def test_a_process_that_ends_with_exit_code_1_did_not_hang(shards: list[int]) -> None:
    done = dict(run_here(leaving, shards, 2))
    assert done == {shard: shard if shard == 2 else Lost(1) for shard in shards}
    assert not Lost(1).hung


@pytest.mark.parametrize(("shard", "kind", "words"), FAILURES)
def test_what_goes_wrong_crosses_as_text_whatever_its_constructor_takes(
    shard: int, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        list(run_here(failing, [shard], 1))


def test_an_exception_is_raised_here_with_where_it_was() -> None:
    with pytest.raises(WorkFailed, match="ValueError: 13 is not liked") as raised:
        list(run_here(partial(times, factor=1), [1, 13], 1))
    assert "in times" in raised.value.__notes__[0]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_workers_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "from functools import partial\nfrom pathlib import Path\n"
        "from test_engines import noting_and_slow\nfrom faceloop.workers.local import run_here\n"
        f"list(run_here(partial(noting_and_slow, folder=Path({str(tmp_path)!r})), range(999), 2))"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    parent = subprocess.Popen([sys.executable, "-c", code], env={"PYTHONPATH": path})
    end = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2:
        assert parent.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    pids = [int(one.name) for one in tmp_path.iterdir()]
    while any(map(is_running, pids)):
        assert time.monotonic() < end, "a worker outlived its parent"
        time.sleep(0.05)


def test_workers_are_as_many_as_asked_for_and_never_more_than_shards() -> None:
    settings = Workers(engine="local", count=4, address=None)
    assert (count_workers(settings, 9), count_workers(settings, 2), count_workers(settings, 0)) == (
        4,
        2,
        1,
    )
    assert count_workers(settings.model_copy(update={"count": "auto"}), 999) >= 1


def test_the_engine_is_the_one_that_params_name() -> None:
    settings = Workers(engine="local", count="auto", address=None)
    done = map_shards(partial(times, factor=2), [4, 5], settings, check=dict)
    assert dict(done) == {4: 8, 5: 10}


def test_a_machine_that_does_not_pass_its_check_begins_nothing() -> None:
    settings = Workers(engine="local", count="auto", address=None)
    with pytest.raises(ValueError, match="13 is not liked"):
        map_shards(partial(times, factor=2), [4, 5], settings, partial(times, 13, factor=2))


def test_work_ahead_comes_in_order_and_from_other_threads() -> None:
    def slow_where_even(item: int) -> tuple[int, int]:
        time.sleep(0.02 * (item % 2 == 0))
        return item, threading.get_ident()

    done = list(map_ahead(slow_where_even, range(20), 3))
    assert [item for item, _ in done] == list(range(20))
    assert threading.get_ident() not in {thread for _, thread in done}


def test_no_more_is_read_than_is_worked_on() -> None:
    read: list[int] = []

    def reading() -> Iterator[int]:
        for item in range(50):
            read.append(item)
            yield item

    for item in map_ahead(lambda item: item, reading(), 2):
        assert len(read) <= item + 3


def test_what_was_read_before_reading_failed_comes_first() -> None:
    def failing() -> Iterator[int]:
        yield from range(5)
        raise OSError("damaged")

    done = []
    with pytest.raises(OSError, match="damaged"):
        for item in map_ahead(lambda item: item, failing(), 3):
            done.append(item)
    assert done == list(range(5))
