"""The index as it lies in the store: Parquet parts per stage, named by their content, merged when they pile up."""

import hashlib
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from reenactory.infra.entries import Row, rows_of, to_table
from reenactory.infra.receipts import drop_receipts
from reenactory.infra.store import MissingObject, Store
from reenactory.infra.tables import table_bytes, table_of

SMALL_ROWS = 20_000  # a part of fewer entries is merged with others
MERGED_ROWS = 50_000  # and the merged ones become about this large: 40 MB while they are put together
MANY_SMALL = 32  # small parts that are left alone: a night's run leaves one per stage and 2048 new records
READ_AHEAD = 8


def put_part(store: Store, stage: str, rows: Sequence[Row]) -> str:
    """Write entries as one part; the same entries give the same part. Returns its path."""
    payload = table_bytes(to_table(rows))
    path = f"index/{stage}/{_name(payload)}"
    store.put(path, payload)
    return path


def _name(payload: bytes) -> str:
    return f"part-{hashlib.blake2b(payload, digest_size=16).hexdigest()}.parquet"


def parts_of(store: Store, stage: str) -> list[str]:
    return [path for path in store.list(f"index/{stage}/") if path.endswith(".parquet")]


def read_parts(store: Store, stage: str) -> Iterator[list[Row]]:
    """The rows of every part of a stage, part by part; small parts are merged on the way where there are many."""
    paths, seen = parts_of(store, stage), set[str]()
    while todo := [path for path in paths if path not in seen]:
        gone = False
        merging = _Merging(store, stage)
        for path, table in _read_ahead(store, todo):
            seen.add(path)
            if table is None:
                gone = True
                continue
            rows = list(rows_of(table))
            yield rows
            merging.add(path, rows)
        merging.finish()
        # Another run has merged what this one was about to read: its merged parts are new names in the listing.
        paths = parts_of(store, stage) if gone else []
        seen |= merging.written


class _Merging:
    """Small parts on their way into larger ones. A part is removed only after that which repeats it was written."""

    def __init__(self, store: Store, stage: str) -> None:
        self._store, self._stage = store, stage
        self._rows: dict[str, Row] = {}
        self._disputed: set[str] = set()
        self._paths: list[str] = []
        self.written: set[str] = set()

    def add(self, path: str, rows: Sequence[Row]) -> None:
        if len(rows) >= SMALL_ROWS:
            return
        self._paths.append(path)
        for row in rows:
            if self._rows.setdefault(row[0], row) != row:
                self._disputed.add(row[0])
        if len(self._rows) >= MERGED_ROWS:
            self._write()

    def finish(self) -> None:
        if len(self._paths) > MANY_SMALL:
            self._write()

    def _write(self) -> None:
        # A disputed entry goes into no part: the index lacks it then, and its record is looked up and remembered.
        kept = [row for key, row in self._rows.items() if key not in self._disputed]
        if kept:
            self.written.add(put_part(self._store, self._stage, kept))
        for path in set(self._paths) - self.written:
            self._store.delete(path)
        self._rows, self._disputed, self._paths = {}, set(), []


def work_in_parts(store: Store, stage: str) -> tuple[int, float]:
    """Frames and seconds of all that is done in a stage; what two parts tell counts twice, for a rate all the same."""
    frames, seconds = 0, 0.0
    for _, table in _read_ahead(store, parts_of(store, stage)):
        if table is not None:
            done = table.filter(pc.equal(table["outcome"], "done"))
            frames += pc.sum(done["frames"]).as_py() or 0
            seconds += pc.sum(done["seconds"]).as_py() or 0.0
    return frames, seconds


def _read_ahead(store: Store, paths: Sequence[str]) -> Iterator[tuple[str, pa.Table | None]]:
    """Each part with its table (None: it is gone), a few requests in flight."""
    waiting = iter(paths)
    with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="index-reader") as threads:
        while batch := list(islice(waiting, READ_AHEAD)):
            yield from zip(batch, threads.map(lambda path: _table(store, path), batch), strict=True)


def _table(store: Store, path: str) -> pa.Table | None:
    try:
        payload = store.get(path)
    except MissingObject:
        return None
    # A damaged part is empty: what it told is looked up in the records, and told again by a part of its own.
    return table_of(payload) if path.endswith(_name(payload)) else to_table(())


def rewrite(store: Store, stage: str, without: Set[str]) -> None:
    """Take entries out of the parts of a stage that have them, and all receipts, which may vouch for them."""
    drop_receipts(store)
    for path, table in _read_ahead(store, parts_of(store, stage)):
        rows = [] if table is None else list(rows_of(table))
        kept = [row for row in rows if row[0] not in without]
        if len(kept) < len(rows):
            if kept:
                put_part(store, stage, kept)
            store.delete(path)
    drop_receipts(store)  # again: a run may have begun, and read what is gone, since the first time
