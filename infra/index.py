"""The index of records: Parquet parts per stage that answer "is it there?" without asking the store once per clip.

Records are the truth. The index only repeats them: a key that it lacks is looked up in the store, and on a local
store, where a look costs 20 microseconds, an entry counts only while its files still lie there in their sizes. What
two parts tell differently, and what would have to be made anew by the index alone, is looked up in the records too.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from threading import RLock
from typing import NamedTuple

import pyarrow as pa
from pydantic import JsonValue

from reenactory.infra.keys import digest
from reenactory.infra.records import RECORD_NAME, Record, artefact_path, read_record
from reenactory.infra.store import Store
from reenactory.infra.tables import get_table, put_table

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("frames", pa.int64()),
        ("seconds", pa.float64()),
        ("facts", pa.string()),
        ("sizes", pa.string()),
    ]
)


class Entry(NamedTuple):
    """What a plan needs to know of a record."""

    stage: str
    key: str
    outcome: str
    reason: str | None
    detail: str | None
    frames: int
    seconds: float
    facts: dict[str, JsonValue]
    sizes: dict[str, int]

    @classmethod
    def of(cls, record: Record) -> "Entry":
        sizes = {name: stamp.bytes for name, stamp in record.files.items()}
        return cls(
            record.stage,
            record.key,
            record.outcome,
            record.reason,
            record.detail,
            record.frames,
            record.seconds,
            record.facts,
            sizes,
        )


class RecordIndex:
    """Entries of all records of a store, read once per run; new ones are flushed as one part per stage."""

    def __init__(self, store: Store, retry: Iterable[str] = ()) -> None:
        """Args: retry: reasons whose rejected records count as absent, so that their items are tried again."""
        self._store = store
        self._retry = frozenset(retry)
        self._entries: dict[str, dict[str, Entry]] = {}
        self._fresh: dict[str, dict[str, Entry]] = defaultdict(dict)
        self._made: dict[str, Entry] = {}  # by this run: not to be doubted, nor retried again
        self._lock = RLock()  # shards run in threads and share one index

    def get(self, stage: str, key: str) -> Entry | None:
        """The entry of an intact artefact, or None when there is none (or its reason is to be retried)."""
        with self._lock:
            entry = self._made.get(key)
            if entry is not None:
                return entry
            entry = self._fresh[stage].get(key) or self._stage(stage).get(key)
        if entry is not None and self._stands(entry):
            return entry
        record = read_record(self._store, stage, key)  # the truth: it may be newer than the index
        truth = None if record is None else Entry.of(record)
        if truth is not None and truth != entry:
            self._remember(truth)
        return truth if truth is not None and self._stands(truth) else None

    def add(self, record: Record) -> Entry:
        entry = self._remember(Entry.of(record))
        with self._lock:
            self._made[record.key] = entry
        return entry

    def _remember(self, entry: Entry) -> Entry:
        with self._lock:
            self._fresh[entry.stage][entry.key] = entry
        return entry

    def entries(self, stage: str) -> list[Entry]:
        """All indexed entries of a stage, for measured rates; not checked against the store."""
        with self._lock:
            return list({**self._stage(stage), **self._fresh[stage]}.values())

    def flush(self) -> None:
        """Write what is new as one part per stage, named by its keys (the same keys twice: the same file)."""
        with self._lock:
            for stage, fresh in self._fresh.items():
                if not fresh:
                    continue
                name = digest(",".join(sorted(fresh)))
                put_table(self._store, f"index/{stage}/part-{name}.parquet", _to_table(fresh.values()))
                self._stage(stage).update(fresh)
            self._fresh.clear()

    def _stage(self, stage: str) -> dict[str, Entry]:
        if stage not in self._entries:
            found: dict[str, Entry] = {}
            disputed: set[str] = set()  # in two parts, differently: made again since, and parts have no order
            for path in self._store.list(f"index/{stage}/"):
                for entry in _from_table(stage, get_table(self._store, path)):
                    if found.setdefault(entry.key, entry) != entry:
                        disputed.add(entry.key)
            self._entries[stage] = {key: entry for key, entry in found.items() if key not in disputed}
        return self._entries[stage]

    def _stands(self, entry: Entry) -> bool:
        return entry.reason not in self._retry and self._intact(entry)

    def _intact(self, entry: Entry) -> bool:
        if self._store.remote:
            return True
        if not self._store.exists(artefact_path(entry.stage, entry.key, RECORD_NAME)):
            return False
        return all(
            self._store.size(artefact_path(entry.stage, entry.key, name)) == size for name, size in entry.sizes.items()
        )


def rebuild_index(store: Store) -> int:
    """Drop every part of the index and write them anew from the records. Returns the number of records.

    The table of source digests stays: it repeats no record, and hashing the videos again takes hours.
    """
    for path in list(store.list("index/")):
        if "/part-" in path:
            store.delete(path)
    index = RecordIndex(store)
    count = 0
    for path in store.list("artefacts/"):
        if path.endswith("/" + RECORD_NAME):
            index.add(Record.model_validate_json(store.get(path)))
            count += 1
    index.flush()
    return count


def _to_table(entries: Iterable[Entry]) -> pa.Table:
    rows = [
        {
            "key": e.key,
            "outcome": e.outcome,
            "reason": e.reason,
            "detail": e.detail,
            "frames": e.frames,
            "seconds": e.seconds,
            "facts": json.dumps(e.facts, sort_keys=True),
            "sizes": json.dumps(e.sizes, sort_keys=True),
        }
        for e in sorted(entries, key=lambda e: e.key)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _from_table(stage: str, table: pa.Table) -> list[Entry]:
    return [
        Entry(
            stage,
            row["key"],
            row["outcome"],
            row["reason"],
            row["detail"],
            row["frames"],
            row["seconds"],
            json.loads(row["facts"]),
            json.loads(row["sizes"]),
        )
        for row in table.to_pylist()
    ]
