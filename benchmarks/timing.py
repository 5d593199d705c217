"""The clock of the benchmarks."""

import time
from collections.abc import Callable


def seconds(action: Callable[[], object]) -> float:
    """Elapsed time of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
