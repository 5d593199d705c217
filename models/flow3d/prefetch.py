"""Batches made ahead of the device, in their order."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from reenactory.models.flow3d.examples import Batch, TrainingSource

AHEAD = 2  # batches per thread


def batches_ahead(source: TrainingSource, first: int, last: int, threads: int) -> Iterator[Batch]:
    """Batches first..last-1. Reading and JPEG decoding leave Python's lock, so threads do.

    Args:
        threads: 0 makes each batch when it is asked for.
    """
    if threads == 0:
        yield from (source.batch(number) for number in range(first, last))
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Batch]] = deque()
        upcoming = iter(range(first, last))
        try:
            for number in upcoming:
                waiting.append(pool.submit(source.batch, number))
                if len(waiting) >= AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
