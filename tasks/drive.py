"""Drives chains of jobs through a pool: skips what is recorded, follows up on what is made, loses nothing."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from reenactory.infra.index import Entry, RecordIndex
from reenactory.infra.pool import Pool, WorkerCrashError
from reenactory.infra.progress import Tally
from reenactory.infra.records import Record
from reenactory.infra.store import Store
from reenactory.models.weights import WeightError, require
from reenactory.tasks.outcomes import Reason, Rejected
from reenactory.tasks.rates import seconds_per_frame
from reenactory.tasks.runner import save
from reenactory.tasks.stage import Chain, Job

ATTEMPTS = 2  # of a chain that failed for a reason that is not its data: a store that was away for a moment

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
    _rates: dict[str, float] = field(default_factory=dict)  # looked up once: it reads every entry of a stage

    def run(self, chains: Iterable[Chain]) -> Ledger:
        queue: deque[tuple[Chain, float, int]] = deque()  # chain, its units, attempt
        running: dict[Future[list[Record]], tuple[Chain, float, int]] = {}
        for chain in chains:
            queue.extend(self._unfinished(chain))
        while queue or running:
            while queue and len(running) < self.pool.slots:
                chain, units, attempt = queue.popleft()
                missing = self._missing(chain)
                if not missing:  # another chain made the same in the meantime
                    self.tally.expect(-units)
                    queue.extendleft(self._unfinished(chain))
                    continue
                self._check_weights(missing)
                self.tally.begin(chain[0].label, units)
                running[self.pool.submit(missing)] = (chain, units, attempt)
            done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
            for future in done:
                chain, units, attempt = running.pop(future)
                self.tally.end(chain[0].label, units)
                made = self._collect(future, chain, attempt)
                if made is not None:
                    for more in self._finish(chain, made):
                        queue.extendleft(self._unfinished(more))
                elif attempt < ATTEMPTS:
                    self.tally.expect(units)
                    queue.append((chain, units, attempt + 1))
        return self.ledger

    def _unfinished(self, chain: Chain) -> Iterator[tuple[Chain, float, int]]:
        """The chain if something of it is missing; else what follows from it, as far as that is missing."""
        pending = [chain]
        while pending:
            chain = pending.pop()
            missing = self._missing(chain)
            if missing:
                units = self._units(missing)
                self.tally.expect(units)
                yield chain, units, 1
            else:
                pending += self._finish(chain)

    def _missing(self, chain: Chain) -> Chain:
        """The jobs still to do, cut down to their missing keys; nothing after a job whose keys are all rejected."""
        missing: list[Job] = []
        for job in chain:
            entries = [self.index.get(job.stage, key) for key in job.keys]
            if any(entry is None for entry in entries):
                missing.append(job.only(lambda key, job=job: self.index.get(job.stage, key) is None))  # type: ignore[misc]
            elif all(entry is not None and entry.outcome == "rejected" for entry in entries):
                break
        return tuple(missing)

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
        """
        error = future.exception()
        if isinstance(error, WeightError):
            raise error
        if isinstance(error, WorkerCrashError):
            return self._quarantine(chain, str(error))
        if error is not None:
            if attempt >= ATTEMPTS:
                self.ledger.failures.append(Failure(chain[0].label, f"{type(error).__name__}: {error}"))
            return None
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
        guilty = self._missing(chain)[:1]
        for job in guilty:
            for index in range(len(job.keys)):
                self._count(save(self.store, job, index, Rejected(Reason.WORKER_CRASH, message), 0.0))
        return {key for job in guilty for key in job.keys}

    def _finish(self, chain: Chain, made: Set[str] = frozenset()) -> Iterable[Chain]:
        entries: dict[str, Entry] = {}
        for job in chain:
            for key in job.keys:
                entry = self.index.get(job.stage, key)
                if entry is None:
                    continue
                entries[key] = entry
                self.ledger.cached[job.stage] += key not in made
        self.tally.count("finished")
        return self.follow(chain, entries)
