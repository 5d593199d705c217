"""Peak memory of a worker: this process, and the largest ffmpeg that it started."""

import threading
import time
from collections.abc import Callable
from pathlib import Path


def peak_memory(action: Callable[[], object]) -> str:
    """Run `action` in a process that did nothing else before. Looks at its children every 10 ms."""
    largest, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            largest[0] = max([largest[0], *(megabytes(child, "ffmpeg") for child in children())])
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        action()
    finally:
        done.set()
        watcher.join()
    return f"{megabytes('self'):4.0f} MB, and ffmpeg {largest[0]:.0f} MB"


def children() -> list[str]:
    return [pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]


def megabytes(process: str, of: str = "") -> float:
    """The high-water mark. Not from getrusage, which gives a child the peak of the process that started it."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it has just ended
        return 0.0
    if not lines[0].split(maxsplit=1)[1].startswith(of):  # a child that is not yet ffmpeg shows our own memory
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
