"""Drives chains of jobs through a pool: skips what is recorded, follows up on what is made, loses nothing."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex
from reenactory.infra.pool import Pool, WorkerCrashError
from reenactory.infra.progress import Tally
from reenactory.infra.records import Record
from reenactory.infra.store import Store, StoreFailed
from reenactory.models.weights import WeightError, require
from reenactory.tasks.outcomes import Reason, Rejected
from reenactory.tasks.running.rates import seconds_per_frame
from reenactory.tasks.running.runner import save
from reenactory.tasks.stage import Chain, Job

ATTEMPTS = 2  # of a chain that failed for a reason that is not its data: a store that was away for a moment

STORE_AWAY = 3  # chains in a row that fail for good because of the store: those after them would too, a minute each
LOOK_AGAIN_S = 10.0  # a chain that waited longer may have been made by another run: one more look before the work

FollowUp = Callable[[Chain, dict[str, Entry]], Iterable[Chain]]


@dataclass(frozen=True)
class Failure:
    """Something that a retry could mend, or a bug: never the data's fault."""

    label: str
    message: str


@dataclass
class Ledger:
    """What one drive did: counts per stage and key, and what failed."""

    computed: Counter[str] = field(default_factory=Counter)
    cached: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    frames: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, other: "Ledger") -> None:
        self.computed += other.computed
        self.cached += other.cached
        self.failures += other.failures
        self.frames += other.frames
        for stage, seconds in other.seconds.items():
            self.seconds[stage] += seconds


class _Waiting(NamedTuple):
    """A chain and what of it is to be done."""

    chain: Chain
    missing: Chain
    units: float
    looked: float  # when
    generation: int  # 0: given; 1: follows from those; and so on
    attempt: int = 1

    @property
    def items(self) -> dict[str, int]:
        """How many items of each stage."""
        return {job.stage: len(job.keys) for job in self.missing}

    @property
    def order(self) -> tuple[int, int, float]:
        """What is given first, for it shows how long the rest will be; of the rest the longest first, so that at the
        end, when there is nothing more for the other workers, only short ones run. Second attempts come last."""
        return self.attempt, self.generation, -self.units

    def negated(self) -> dict[str, int]:
        return {stage: -count for stage, count in self.items.items()}


class _Queue:
    """Waiting chains in their order; equals as they came."""

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[int, int, float], int, _Waiting]] = []
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, *waiting: _Waiting) -> None:
        for one in waiting:
            self._pushed += 1
            heappush(self._heap, (one.order, self._pushed, one))

    def pop(self) -> _Waiting:
        return heappop(self._heap)[-1]


@dataclass
class Drive:
    """One pass over chains. `follow` gets each finished chain with its entries by key, and may return more chains."""

    store: Store
    index: RecordIndex
    pool: Pool[Chain, list[Record]]
    tally: Tally
    follow: FollowUp = lambda chain, entries: ()
    needed_weights: Sequence[str] = ()  # of all that may follow: checked when the first work begins, not before
    ledger: Ledger = field(default_factory=Ledger)
    _checked: bool = False
    _away: int = 0  # chains in a row
    _rates: dict[str, float] = field(default_factory=dict)  # as this drive began

    def run(self, chains: Iterable[Chain]) -> Ledger:
        queue = _Queue()
        running: dict[Future[list[Record]], _Waiting] = {}
        for chain in chains:
            queue.push(*self._unfinished(chain))
        while queue or running:
            while queue and len(running) < self.pool.slots:
                next_one = queue.pop()
                missing = self._still_missing(next_one)
                if not missing:  # another chain made the same in the meantime
                    self.tally.expect(-next_one.units, next_one.negated())
                    queue.push(*self._unfinished(next_one.chain, next_one.generation))
                    continue
                self._check_weights(missing)
                self.tally.begin(next_one.chain[0].label, next_one.units)
                running[self.pool.submit(missing)] = next_one
            done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
            for future in done:
                ended = running.pop(future)
                self.tally.end(ended.chain[0].label, ended.units, ended.items)
                made = self._collect(future, ended.chain, ended.attempt)
                if made is not None:
                    for more in self._finish(ended.chain, self._entries(ended.chain), made):
                        queue.push(*self._unfinished(more, ended.generation + 1))
                elif ended.attempt < ATTEMPTS:
                    self.tally.expect(ended.units, ended.items)
                    queue.push(ended._replace(attempt=ended.attempt + 1))
        return self.ledger

    def _unfinished(self, chain: Chain, generation: int = 0) -> Iterator[_Waiting]:
        """The chain if something of it is missing; else what follows from it, as far as that is missing."""
        pending = [(chain, generation)]
        while pending:
            chain, generation = pending.pop()
            missing, entries = self._look(chain)
            if missing:
                units = self._units(missing)
                waiting = _Waiting(chain, missing, units, time.monotonic(), generation)
                self.tally.expect(units, waiting.items)
                yield waiting
            else:
                pending += [(following, generation + 1) for following in self._finish(chain, entries)]

    def _still_missing(self, waiting: _Waiting) -> Chain:
        """Not each time asked of the store: for a bucket, a look is a round trip."""
        made_since = any(self.index.made(job.stage, key) for job in waiting.missing for key in job.keys)
        waited = time.monotonic() - waiting.looked > LOOK_AGAIN_S
        return self._look(waiting.chain)[0] if made_since or waited or waiting.attempt > 1 else waiting.missing

    def _look(self, chain: Chain) -> tuple[Chain, dict[str, Entry]]:
        """The jobs still to do, cut down to their missing keys, and the entries of the others.

        Nothing after a job whose keys are all rejected is to do.
        """
        missing: list[Job] = []
        entries: dict[str, Entry] = {}
        for job in chain:
            found = self._entries((job,))
            entries |= found
            if len(found) < len(job.keys):
                missing.append(job.only(lambda key, found=found: key not in found) if found else job)  # type: ignore[misc]
            elif all(entry.outcome == "rejected" for entry in found.values()):
                break
        return tuple(missing), entries

    def _entries(self, chain: Chain) -> dict[str, Entry]:
        looked_up = ((key, self.index.get(job.stage, key)) for job in chain for key in job.keys)
        return {key: entry for key, entry in looked_up if entry is not None}

    def _check_weights(self, missing: Chain) -> None:
        if not self._checked:
            require([*self.needed_weights, *missing[0].weights])
            self._checked = True

    def _units(self, jobs: Chain) -> float:
        return sum(job.frames * self._rate(job.stage) for job in jobs) + 0.01

    def _rate(self, stage: str) -> float:
        if stage not in self._rates:
            self._rates[stage] = seconds_per_frame(self.index, stage)
        return self._rates[stage]

    def _collect(self, future: "Future[list[Record]]", chain: Chain, attempt: int) -> set[str] | None:
        """Take in what a worker returned: the keys it made. None when the chain failed.

        Raises:
            WeightError: a file that the stage needs is not on this machine; no other item could be worked on either.
            StoreFailed: several items in a row failed because of the store.
        """
        error = future.exception()
        if isinstance(error, WeightError):
            raise error
        if isinstance(error, WorkerCrashError):
            return self._quarantine(chain, str(error))
        if error is not None:
            if attempt >= ATTEMPTS:
                self._away = self._away + 1 if isinstance(error, StoreFailed) else 0
                if self._away >= STORE_AWAY:
                    raise error
                self.ledger.failures.append(Failure(chain[0].label, f"{type(error).__name__}: {error}"))
            return None
        self._away = 0
        for record in future.result():
            self._count(record)
        return {record.key for record in future.result()}

    def _count(self, record: Record) -> None:
        self.index.add(record)
        self.ledger.computed[record.stage] += 1
        self.ledger.frames[record.stage] += record.frames
        self.ledger.seconds[record.stage] += record.seconds
        self.tally.stage(record.stage, record.frames, record.seconds)

    def _quarantine(self, chain: Chain, message: str) -> set[str]:
        """The first job of the chain without a record is the one that was running when the workers died."""
        guilty = self._look(chain)[0][:1]
        for job in guilty:
            for index in range(len(job.keys)):
                self._count(save(self.store, job, index, Rejected(Reason.WORKER_CRASH, message), 0.0))
        return {key for job in guilty for key in job.keys}

    def _finish(self, chain: Chain, entries: dict[str, Entry], made: Set[str] = frozenset()) -> Iterable[Chain]:
        for job in chain:
            self.ledger.cached[job.stage] += sum(key in entries and key not in made for key in job.keys)
            self.tally.have(job.stage, sum(key in entries for key in job.keys))
        self.tally.count("finished")
        return self.follow(chain, entries)
