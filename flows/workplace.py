"""What every flow needs around its work: the store, the index of records, the workers, the counts, the summary."""

import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from reenactory.flows.devices import resolve_device
from reenactory.infra.addresses import refuse_credentials
from reenactory.infra.index import FULL_PART, RecordIndex
from reenactory.infra.lease import held
from reenactory.infra.outcome_log import OutcomeLog
from reenactory.infra.pool import InlinePool, Pool
from reenactory.infra.progress import Tally, shown
from reenactory.infra.ray_pool import RayPool
from reenactory.infra.records import Record, library_versions
from reenactory.infra.settings import Settings, default_workers
from reenactory.infra.store import Store, open_store
from reenactory.infra.summary import Forecast, PairList, Summary, rates, write_summary
from reenactory.tasks.outcomes import Reason
from reenactory.tasks.running.drive import Drive, FollowUp, Ledger
from reenactory.tasks.running.runner import StageWorker
from reenactory.tasks.stage import Chain, Runtime

NAME = re.compile(r"\w[\w.-]{0,99}")  # of a dataset or run: a folder of the store, so neither hidden nor `..`
MOST_NAME_BYTES = 200


def _one_spelling(name: str) -> str:
    """Names that look the same are the same: a composed and a decomposed letter would be two folders."""
    name = unicodedata.normalize("NFC", name)
    if not NAME.fullmatch(name):
        raise ValueError(
            "a name has 1 to 100 letters, digits, '_', '-' and '.', without spaces or slashes, and begins with a "
            "letter, a digit or '_'"
        )
    if len(name.encode()) > MOST_NAME_BYTES:
        raise ValueError(f"a name may have {MOST_NAME_BYTES} bytes in UTF-8, this has {len(name.encode())}")
    return name


# No `pattern`: its message would be the raw expression, and the Prefect form's \w knows no letter but a to z.
Name = Annotated[str, AfterValidator(_one_spelling)]
Device = Literal["auto", "cpu", "cuda"]
LEAST_PLAN_S = 1.0  # a plan of less is not compared with what came of it: starting takes longer
MOST_FAILURES = 20  # that a summary names: a store that is away fails every item for one reason

Item = TypeVar("Item")
ShardWork = Callable[[Sequence[Item]], Ledger]
ShardMap = Callable[[ShardWork[Item], Sequence[Sequence[Item]], Tally], Iterable[Ledger]]


class Where(BaseModel):
    """Where and how a flow runs. None of it changes any result."""

    model_config = ConfigDict(hide_input_in_errors=True)  # an address with a password would be in Prefect's log

    store: str = Field(description="Store: a folder, file:// or s3://bucket/prefix.")
    workers: int | None = Field(
        default=None, ge=0, description="Ray workers; 0 = in this process, without Ray. Default: one per core."
    )
    device: Device = Field(default="auto", description="auto takes a GPU where there is one.")
    retry: list[Reason] = Field(default=[], description="Try items again that were rejected for these reasons.")

    @field_validator("*", mode="before")
    @classmethod
    def _no_credentials(cls, value: object) -> object:
        """A request is written into plan.json and is a parameter on the Prefect page."""
        return refuse_credentials(value)


def in_order(work: ShardWork[Item], shards: Sequence[Sequence[Item]], tally: Tally) -> Iterator[Ledger]:
    """One shard after the other, in this thread. The Prefect flows bring a map that makes each a task."""
    for shard in shards:
        yield work(shard)


@dataclass
class Workplace:
    """One flow run's tools. `drive` is thread-safe: shards may run side by side over the same workers."""

    store: Store
    index: RecordIndex
    pool: Pool[Chain, list[Record]]
    tally: Tally
    workers: int = 1
    ledger: Ledger = field(default_factory=Ledger)
    notes: list[str] = field(default_factory=list)  # for the summary
    started: float = field(default_factory=time.monotonic)

    def drive(
        self, chains: Iterable[Chain], follow: FollowUp = lambda chain, entries: (), weights: Sequence[str] = ()
    ) -> Ledger:
        """Run chains (what is recorded is skipped), then make the index remember them.

        Raises:
            WeightMissing: there is work to do and one of `weights`, or of the first chain's, is not on this machine.
        """
        ledger = Drive(self.store, self.index, self.pool, self.tally, follow, weights).run(chains)
        self.index.flush(at_least=FULL_PART)
        return ledger

    def summary(
        self,
        log: OutcomeLog,
        items: int,
        outputs: dict[str, str],
        pairs: PairList | None = None,
        planned_worker_seconds: float = 0.0,
    ) -> Summary:
        """Close the run's books: outcomes and summary are written; the summary is returned."""
        self.index.flush()
        log.close()
        ledger = self.ledger
        forecast = Forecast(
            workers=self.workers,
            planned_seconds=round(planned_worker_seconds / self.workers, 2),
            planned_worker_seconds=round(planned_worker_seconds, 2),
            worker_seconds=round(sum(ledger.seconds.values()), 2),
            price_per_hour=Settings().price_per_hour,
        )
        summary = Summary(
            run=log.run,
            flow=log.flow,
            items=items,
            done=log.done,
            rejected=log.rejected,
            rejected_examples=log.examples,
            failed=len(ledger.failures),
            failures=[f"{failure.label}: {failure.message}" for failure in ledger.failures[:MOST_FAILURES]],
            computed={stage: ledger.computed[stage] for stage in sorted(ledger.computed | ledger.cached)},
            cached={stage: ledger.cached[stage] for stage in sorted(ledger.computed | ledger.cached)},
            frames=sum(ledger.frames.values()),
            seconds=round(time.monotonic() - self.started, 2),
            frames_per_second=rates(ledger.frames, ledger.seconds),
            outputs=outputs,
            versions=library_versions(),
            pairs=pairs,
            notes=self.notes,
            forecast=forecast if forecast.planned_seconds >= LEAST_PLAN_S else None,
        )
        write_summary(self.store, summary)
        return summary


@contextmanager
def workplace(where: Where, title: str, alone_on: str, new_store: bool = False) -> Iterator[Workplace]:
    """Open a store and its index; workers start with the first work, progress is shown until the block ends.

    Args:
        where: the request.
        title: of the progress.
        alone_on: what no other run may be at work on meanwhile, e.g. ``datasets/mine``: this one waits for it to end.
        new_store: the store may not be there yet.
    """
    store = open_store(where.store, create=new_store)
    device = resolve_device(where.device)
    workers = default_workers(device) if where.workers is None else where.workers
    # By its whole address: a worker may stand in another folder, where a relative path means another place.
    factory = partial(StageWorker, store.uri, Runtime(device, Settings().threads))
    pool: Pool[Chain, list[Record]]
    pool = RayPool(factory, workers, use_gpu=device == "cuda") if workers else InlinePool(factory)
    try:
        with held(store, alone_on, partial(_say_waiting, title)), shown(Tally(title)) as tally:
            yield Workplace(store, RecordIndex(store, where.retry), pool, tally, max(1, workers))
    finally:
        pool.close()


def _say_waiting(title: str, holder: str) -> None:
    sys.stderr.write(f"{title}: another run is at work on the same ({holder}); waiting for it to end\n")
    sys.stderr.flush()
