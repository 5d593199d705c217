"""sha256 of sources whose size and time are known, remembered in the store: to hash videos anew takes hours."""

from collections.abc import Iterator
from heapq import merge
from itertools import islice

import pyarrow as pa

from reenactory.infra.store import Store
from reenactory.infra.tables import UNREADABLE, batches_of, table_in_parts

DIGEST_TABLE = "index/sources.parquet"
SCHEMA = pa.schema([(name, pa.string()) for name in ("uri", "stamp", "sha256")])
ROWS_AT_ONCE = 50_000

Slot = tuple[str, str]  # uri and stamp


class KnownDigests:
    """A table sorted by uri and stamp, read along with questions that come in the same order.

    As a dictionary, a million rows would take half a gigabyte.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fresh: dict[Slot, str] = {}
        self._content = store.get(DIGEST_TABLE) if store.exists(DIGEST_TABLE) else b""
        self._rows = self._read()
        self._here = next(self._rows, None)
        self._last: Slot = ("", "")

    def find(self, uri: str, stamp: str) -> str | None:
        """The digest, None where it is not known. A question out of order reads the table from its beginning."""
        slot = uri, stamp
        if slot in self._fresh:
            return self._fresh[slot]
        if slot < self._last:
            self._rows = self._read()
            self._here = next(self._rows, None)
        self._last = slot
        while self._here is not None and self._here[:2] < slot:
            self._here = next(self._rows, None)
        return self._here[2] if self._here is not None and self._here[:2] == slot else None

    def add(self, uri: str, stamp: str, sha256: str) -> None:
        self._fresh[uri, stamp] = sha256

    def save(self) -> None:
        """Write what is new beside what was known; nothing is written where nothing is new."""
        if not self._fresh:
            return
        fresh = ((*slot, sha256) for slot, sha256 in sorted(self._fresh.items()))
        with table_in_parts(self._store, DIGEST_TABLE, SCHEMA) as table:
            for rows in _batches(merge(self._read(), fresh)):
                columns = zip(*rows, strict=True)
                table.write(pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=SCHEMA))

    def _read(self) -> Iterator[tuple[str, str, str]]:
        if not self._content:
            return
        try:
            for batch in batches_of(self._content, SCHEMA, ROWS_AT_ONCE):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        except UNREADABLE:
            return  # it is damaged, and only saves time: what cannot be read is hashed anew


def _batches(rows: Iterator[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        yield batch
