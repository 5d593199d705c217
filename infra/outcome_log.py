"""What became of every item of a run, written away as it comes: a million items take no memory."""

from collections import Counter
from collections.abc import Iterable, Mapping
from threading import Lock

import pyarrow as pa

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
        self._rows: list[dict[str, object]] = []
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
        with self._lock:
            for row in rows:
                self._rows.append({name: row.get(name) for name in SCHEMA.names})
                self._count(row)
            if len(self._rows) >= PART_ROWS:
                self._write()

    def close(self) -> None:
        """Write the rest, and remove what an earlier pass of the same flow has left."""
        with self._lock:
            self._write()
            for path in list(self._store.list(self._name)):
                if path not in self._written:
                    self._store.delete(path)

    def _count(self, row: Mapping[str, object]) -> None:
        if row["outcome"] == "done":
            self.done += 1
            return
        reason = str(row["reason"])
        self._rejected[reason] += 1
        seen = self._examples.setdefault(reason, [])
        if len(seen) < EXAMPLES:
            seen.append(f"{row.get('item')}: {row.get('detail')}")

    def _write(self) -> None:
        path = f"{self._name}-{len(self._written):05d}.parquet"
        put_table(self._store, path, pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._written.append(path)
        self._rows = []
