"""Working ahead on other threads, a few items at a time and in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Yield `work` of each item, in order, while later items are read and worked on.

    Items are read on the caller's thread. At most `threads` + 1 are in memory beside the one that
    was yielded. Where reading fails, what was read before is yielded first.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        reader = iter(items)
        while True:
            try:
                waiting.append(pool.submit(work, next(reader)))
            except StopIteration:
                break
            except Exception:
                yield from (future.result() for future in waiting)
                raise
            if len(waiting) > threads:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)
