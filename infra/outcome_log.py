"""What became of every item of a run, written away as it comes: a million items take no memory."""

from collections import Counter
from collections.abc import Iterable, Mapping
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

from reenactory.infra.keys import digest
from reenactory.infra.store import Store
from reenactory.infra.tables import put_table

SCHEMA = pa.schema([(name, pa.string()) for name in ("item", "outcome", "reason", "detail")])
PART_ROWS = 100_000
EXAMPLES = 3  # per reason


class OutcomeLog:
    """Counts outcomes and writes them as parts of `runs/{run}/outcomes`; thread-safe."""

    def __init__(self, store: Store, run: str, flow: str) -> None:
        self.run, self.flow = run, flow
        self._store = store
        self._name = f"runs/{run}/outcomes/part-{digest(flow)}"
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._written: list[str] = []
        self._lock = Lock()
        self.done = 0
        self._rejected = Counter[str]()
        self._examples: dict[str, list[str]] = {}

    @property
    def rejected(self) -> dict[str, int]:
        """How many by reason."""
        return dict(sorted(self._rejected.items()))

    @property
    def examples(self) -> dict[str, list[str]]:
        """The first few rejected items of each reason as `item: detail`."""
        return dict(sorted(self._examples.items()))

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Rows with `item`, `outcome`, `reason` and `detail`; other columns are left out."""
        self.add_table(outcomes_of(rows))

    def add_table(self, rows: pa.Table) -> None:
        """Rows of `outcomes_of`."""
        with self._lock:
            self._waiting.append(rows)
            self._rows += rows.num_rows
            self._count(rows)
            if self._rows >= PART_ROWS:
                self._write()

    def close(self) -> None:
        """Write the rest, and remove what an earlier pass of the same flow has left."""
        with self._lock:
            self._write()
            for path in list(self._store.list(self._name)):
                if path not in self._written:
                    self._store.delete(path)

    def _count(self, rows: pa.Table) -> None:
        rejected = rows.filter(pc.not_equal(rows["outcome"], "done"))
        self.done += rows.num_rows - rejected.num_rows
        for row in rejected.to_pylist():
            reason = str(row["reason"])
            self._rejected[reason] += 1
            seen = self._examples.setdefault(reason, [])
            if len(seen) < EXAMPLES:
                seen.append(f"{row['item']}: {row['detail']}")

    def _write(self) -> None:
        path = f"{self._name}-{len(self._written):05d}.parquet"
        put_table(self._store, path, pa.concat_tables([SCHEMA.empty_table(), *self._waiting]).combine_chunks())
        self._written.append(path)
        self._waiting, self._rows = [], 0


def outcomes_of(rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """Rows with `item`, `outcome`, `reason` and `detail` as a table; other columns are left out."""
    return pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in rows], schema=SCHEMA)
