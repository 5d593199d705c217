"""What a person sees while a run goes on: counts, rates, time left, and what has been running longest."""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, RLock, Thread
from types import MappingProxyType
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

PLAIN_INTERVAL_S = 10.0
SETTLING_S = 5.0  # workers start and load their networks: no pace to speak of
ALMOST = 0.95  # an item that takes longer than it should is taken to be nearly done

NONE: Mapping[str, int] = MappingProxyType({})


class Running(NamedTuple):
    """An item in work: when it began and how many seconds of a worker it should take."""

    since: float
    units: float

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.since


@dataclass
class Tally:
    """Counts of a run so far; thread-safe, shared by all shards of a run."""

    title: str
    estimate: float = 0.0  # of all work, made before it began; holds until more than that is known
    expected: float = 0.0  # work that is known: seconds of one worker at measured rates
    finished: float = 0.0
    frames: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    outcomes: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)  # by stage: items that are known and not there yet
    ready: Counter[str] = field(default_factory=Counter)  # by stage: items made, rejected or found in the cache
    running: dict[str, Running] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    lock: RLock = field(default_factory=RLock)

    def expect(self, units: float, items: Mapping[str, int] = NONE) -> None:
        """More work is known: seconds of a worker, and items by stage. Negative where it turns out to be done."""
        with self.lock:
            self.expected += units
            self.waiting.update(items)

    def begin(self, label: str, units: float) -> None:
        with self.lock:
            self.running[label] = Running(time.monotonic(), units)

    def end(self, label: str, units: float, items: Mapping[str, int] = NONE) -> None:
        with self.lock:
            self.running.pop(label, None)
            self.finished += units
            self.waiting.subtract(items)

    def have(self, stage: str, items: int) -> None:
        with self.lock:
            self.ready[stage] += items

    @contextmanager
    def working(self, label: str, units: float) -> Iterator[None]:
        """Something that takes a while and is no item, such as writing a report; `units` as in `expect`."""
        self.expect(units)
        self.begin(label, units)
        try:
            yield
        finally:
            self.end(label, units)

    def count(self, outcome: str) -> None:
        with self.lock:
            self.outcomes[outcome] += 1

    def stage(self, name: str, frames: int, seconds: float) -> None:
        with self.lock:
            self.frames[name] += frames
            self.seconds[name] += seconds

    def by_stage(self) -> dict[str, tuple[int, int]]:
        """Items of each stage that are there, and that are known; more become known as a run goes on."""
        with self.lock:
            return {stage: (self.ready[stage], self.ready[stage] + self.waiting[stage]) for stage in self._stages()}

    def _stages(self) -> list[str]:
        return list(dict.fromkeys([*self.ready, *self.waiting]))

    def seconds_left(self) -> float | None:
        """Time left if the rest goes at the pace so far; None in the first seconds, and where nobody can know.

        What is in work counts as done in proportion to its time, or one long item would make the pace seem to fall.
        """
        elapsed = time.monotonic() - self.started
        with self.lock:
            done = self.finished + sum(min(item.elapsed, ALMOST * item.units) for item in self.running.values())
            rest = max(0.0, max(self.expected, self.estimate) - done)
            late = sum(item.units for item in self.running.values() if item.elapsed > item.units)
        if late and rest <= late:  # nothing is left but what takes longer than it should: not "0:00 left" for a minute
            return None
        # Before something is finished, loading networks is all that was seen: no pace to speak of.
        return elapsed * rest / done if self.finished > 0 and elapsed > SETTLING_S else None

    def line(self) -> str:
        """One line: outcomes, frames per second of each stage, time left, the longest-running item."""
        with self.lock:
            parts = [", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items())) or "starting"]
            parts += [
                f"{name} {self.frames[name] / seconds:.1f} frames/s"
                for name, seconds in self.seconds.items()
                if seconds > 0
            ]
            left = self.seconds_left()
            if left is not None:
                parts.append(f"{_clock(left)} left")
            if self.running:
                label, item = max(self.running.items(), key=lambda pair: pair[1].elapsed)
                parts.append(f"running {len(self.running)}, longest {_clock(item.elapsed)}: {label}")
        return " | ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@contextmanager
def shown(tally: Tally) -> Iterator[Tally]:
    """Show a tally until the block ends: a live bar on a terminal, a line every ten seconds elsewhere (logs)."""
    console = Console(stderr=True)
    stop = Event()
    loop = _live if console.is_terminal else _plain
    thread = Thread(target=loop, args=(tally, console, stop), name="progress", daemon=True)
    thread.start()
    try:
        yield tally
    finally:
        stop.set()
        thread.join()


def _live(tally: Tally, console: Console, stop: Event) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(24), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(tally.title)
        while not stop.wait(0.2):
            total = max(tally.expected, tally.estimate) or None
            bar.update(task, description=f"{tally.title}: {tally.line()}", total=total, completed=tally.finished)


def _plain(tally: Tally, console: Console, stop: Event) -> None:
    while not stop.wait(PLAIN_INTERVAL_S):
        sys.stderr.write(f"{tally.title}: {tally.line()}\n")
        sys.stderr.flush()
