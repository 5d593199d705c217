"""Receipts of finished shards: what a shard came to, so that the next run over it need not ask for each of its records.

To follow a million clips through the index takes minutes, to compare 16,000 receipts seconds. A receipt says no more
than the index does: it is believed on remote stores alone, where an index's entry is believed without a look at its
files, and whatever takes an entry out of the index, or makes a rejected item anew, takes all receipts with it. What a
run writes at its end may have been read before that: it begins with a table of its own, and writes only where that is
still there. A shard is named by a digest of all that decides what becomes of it, so a receipt cannot be of other
parameters, weights or bytes.
"""

from collections.abc import Iterator
from json import dumps, loads
from typing import NamedTuple

import pyarrow as pa

from reenactory.infra import outcome_log
from reenactory.infra.keys import digest
from reenactory.infra.store import Store
from reenactory.infra.tables import UNREADABLE, batches_of, put_table, table_in_parts

FOLDER = "index/receipts/"
SCHEMA = pa.schema(
    [
        ("first", pa.string()),
        ("shard", pa.string()),
        ("counts", pa.string()),
        ("parts", pa.list_(pa.string())),
        *((name, pa.list_(pa.string())) for name in outcome_log.SCHEMA.names),
    ]
)
SHARDS_AT_ONCE = 256


class Receipt(NamedTuple):
    """Of one shard in which nothing is left to do."""

    first: str  # address of its first item: receipts lie in the order of these
    shard: str  # digest of all that decides it
    counts: dict[str, int]
    parts: tuple[str, ...]  # of the dataset, that hold its rows
    outcomes: pa.Table  # as the outcome log keeps them


class Receipts:
    """The receipts of a dataset, read along with shards that come in the order of their items; new ones beside them."""

    def __init__(self, store: Store, dataset: str, believed: bool) -> None:
        """Args: believed: False: none that is there is used, because items are to be tried again."""
        self.kept = store.remote  # elsewhere files are looked at one by one anyway, and none are written
        self._store = store
        self._path = f"{FOLDER}{digest(dataset)}.parquet"
        self._loose: list[pa.Table] = []  # of one shard each, which take ten times the room
        self._packed: list[pa.Table] = []
        self._there = self._read() if store.remote and believed else iter(())
        self._here = next(self._there, None)

    def find(self, first: str, shard: str) -> Receipt | None:
        """The receipt of a shard, None where there is none. Questions come in the order of their first items."""
        while self._here is not None and self._here.first < first:
            self._here = next(self._there, None)
        return self._here if self._here is not None and self._here.shard == shard else None

    def keep(self, receipt: Receipt) -> None:
        """One for the next run."""
        if self.kept:
            self._loose.append(_row(receipt))
            if len(self._loose) >= SHARDS_AT_ONCE:
                self._pack()

    def begin(self) -> None:
        """Before the index is read: the table is there from now on, so that its loss is seen when it is saved."""
        if self.kept and not self._store.exists(self._path):
            put_table(self._store, self._path, SCHEMA.empty_table())

    def save(self) -> None:
        """Write those that were kept, in place of what was there; not if receipts were dropped since the beginning."""
        if not self.kept or not self._store.exists(self._path):
            return
        self._pack()
        with table_in_parts(self._store, self._path, SCHEMA) as table:
            table.write(pa.concat_tables(self._packed).sort_by("first"))

    def _pack(self) -> None:
        self._packed.append(pa.concat_tables([SCHEMA.empty_table(), *self._loose]).combine_chunks())
        self._loose = []

    def _read(self) -> Iterator[Receipt]:
        if not self._store.exists(self._path):
            return
        try:
            for batch in batches_of(self._store.get(self._path), SCHEMA, SHARDS_AT_ONCE):
                yield from (_receipt(batch.slice(index, 1)) for index in range(batch.num_rows))
        except UNREADABLE:
            return  # it is damaged, and only saves time


def drop_receipts(store: Store) -> None:
    """All of them: something that one of them may vouch for is taken out of the store, or changes."""
    for path in list(store.list(FOLDER)):
        store.delete(path)


def _row(receipt: Receipt) -> pa.Table:
    own = [receipt.first, receipt.shard, dumps(receipt.counts, sort_keys=True), list(receipt.parts)]
    outcomes = receipt.outcomes.combine_chunks()
    count = [0, outcomes.num_rows]
    lists = [
        pa.ListArray.from_arrays(count, column.chunk(0) if column.num_chunks else pa.array([], pa.string()))
        for column in outcomes.columns
    ]
    single = [pa.array([value], field.type) for value, field in zip(own, SCHEMA, strict=False)]
    return pa.Table.from_arrays([*single, *lists], schema=SCHEMA)


def _receipt(row: pa.RecordBatch) -> Receipt:
    first, shard, counts, parts = (row.column(name)[0].as_py() for name in SCHEMA.names[:4])
    outcomes = pa.Table.from_arrays(
        [row.column(name)[0].values for name in outcome_log.SCHEMA.names], schema=outcome_log.SCHEMA
    )
    return Receipt(first, shard, loads(counts), tuple(parts), outcomes)
