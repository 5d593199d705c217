"""The books of a preprocessing run."""

from collections.abc import Sequence

import pyarrow as pa

from reenactory.infra.glance import Glance
from reenactory.infra.outcome_log import OutcomeLog, outcomes_of
from reenactory.infra.receipts import Receipt, Receipts
from reenactory.infra.sources import Source
from reenactory.infra.store import Store
from reenactory.tasks.dataset import write_shard
from reenactory.tasks.preprocess import Preprocessing
from reenactory.tasks.running.planning import Plan, plan_shard


class Books:
    """What a run keeps of its shards: rows of the dataset, outcomes, and receipts for the next run. Thread-safe."""

    def __init__(self, store: Store, dataset: str, jobs: Preprocessing, workers: int, believed: bool) -> None:
        """Args: workers: of the plan; believed: as of `Receipts`."""
        self.jobs = jobs
        self._store, self._dataset, self._workers = store, dataset, workers
        self.parts: list[str] = []
        self.log = OutcomeLog(store, f"preprocess-{dataset}", "preprocess")
        self.receipts = Receipts(store, dataset, believed)
        self.receipts.begin()
        self._there = set(store.list(f"datasets/{dataset}/"))  # before this run

    def known(self, shard: Sequence[Source]) -> Plan | None:
        """What a shard came to, by its receipt, where the rows that it vouches for are still there; they are kept."""
        receipt = self.receipts.find(shard[0].uri, self.jobs.fingerprint(shard))
        if receipt is None or not self._there.issuperset(receipt.parts):
            return None
        self.parts += receipt.parts
        self.log.add_table(receipt.outcomes)
        self.receipts.keep(receipt)
        return Plan.of_counts(receipt.counts, self._workers)

    def enter(self, shard: Sequence[Source], glance: Glance, counts: Plan | None = None) -> None:
        """The rows of a shard; where nothing is left to do in it, a receipt too. `counts`: its plan, if it is known."""
        parts, outcomes = self.write([row for source in shard for row in self.jobs.rows(source, glance)])
        if not self.receipts.kept:
            return
        counts = counts or plan_shard(self.jobs, shard, glance, self._workers)
        if not counts.unfinished:
            named = shard[0].uri, self.jobs.fingerprint(shard)
            self.receipts.keep(Receipt(*named, counts.as_counts(), parts, outcomes))

    def write(self, rows: Sequence[dict[str, object]]) -> tuple[tuple[str, ...], pa.Table]:
        """Rows of the clips table: the dataset's parts, and what the log keeps of them."""
        parts = write_shard(self._store, self._dataset, rows)
        outcomes = outcomes_of({**row, "item": row["clip_id"]} for row in rows)
        self.parts += parts
        self.log.add_table(outcomes)
        return parts, outcomes
