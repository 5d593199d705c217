"""The index of records: Parquet parts per stage that answer "is it there?" without asking the store once per clip.

Records are the truth. The index only repeats them: a key that it lacks is looked up in the store, and on a local
store, where a look costs 20 microseconds, an entry counts only while its files still lie there in their sizes. What
two parts tell differently, and what would have to be made anew by the index alone, is looked up in the records too.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from threading import RLock

from reenactory.infra.entries import Entry, Row
from reenactory.infra.index_parts import put_part, read_parts, work_in_parts
from reenactory.infra.receipts import drop_receipts
from reenactory.infra.records import RECORD_NAME, Record, artefact_path, parse_record, read_record
from reenactory.infra.shelf import Shelf
from reenactory.infra.store import Store

FULL_PART = 2048  # new entries of a stage that are worth a part before the run ends
REBUILT_PART = 50_000


class RecordIndex:
    """Entries of all records of a store, read once per run; new ones are flushed as one part per stage."""

    def __init__(self, store: Store, retry: Iterable[str] = ()) -> None:
        """Args: retry: reasons whose rejected records count as absent, so that their items are tried again."""
        self._store = store
        self._retry = frozenset(retry)
        self._shelf = Shelf()
        self._read: set[str] = set()  # stages
        self._fresh: dict[str, dict[str, Row]] = defaultdict(dict)  # in no part of the index yet
        self._work: dict[str, tuple[int, float]] = {}
        self._dropped = False  # the receipts
        self._lock = RLock()  # shards run in threads and share one index

    @property
    def remote(self) -> bool:
        """Whether the index alone answers for what it tells, because a look into the store is a round trip."""
        return self._store.remote

    def get(self, stage: str, key: str) -> Entry | None:
        """The entry of an intact artefact, or None when there is none (or its reason is to be retried)."""
        with self._lock:
            self._stage(stage)
            found = self._shelf.find(stage, key)
        if found is not None and (found[1] or self._stands(found[0])):  # what this run made is not doubted
            return found[0]
        record = read_record(self._store, stage, key)  # the truth: it may be newer than the index
        if record is None:
            return None
        truth = Entry.of(record)
        if found is None or truth != found[0]:
            self._remember(truth, made=False)
        return truth if self._stands(truth) else None

    def told(self, stage: str, key: str) -> Entry | None:
        """What the index alone says, where a look into the store is a round trip; else the same as `get`.

        For estimates: a million looks that find nothing take hours.
        """
        if not self._store.remote:
            return self.get(stage, key)
        with self._lock:
            self._stage(stage)
            found = self._shelf.find(stage, key)
        return found[0] if found is not None and (found[1] or self._stands(found[0])) else None

    def told_all(self, stage: str, keys: Sequence[str]) -> dict[str, Entry]:
        """What the index alone says, as `told` where the store is remote, of those keys of which it says anything."""
        with self._lock:
            self._stage(stage)
            found = self._shelf.find_all(stage, keys)
        return {key: entry for key, (entry, made) in found.items() if made or entry.reason not in self._retry}

    def made(self, stage: str, key: str) -> bool:
        """Whether this run has made it; asks nobody."""
        with self._lock:
            found = self._shelf.find(stage, key)
        return found is not None and found[1]

    def add(self, record: Record) -> Entry:
        """Take in a record that this run has made."""
        if self._retry and not self._dropped:  # it may have been rejected before, which receipts would still say
            self._dropped = True
            drop_receipts(self._store)
        return self._remember(Entry.of(record), made=True)

    def _remember(self, entry: Entry, made: bool) -> Entry:
        row = entry.row
        with self._lock:
            frames, seconds = self.work(entry.stage)
            self._shelf.put(entry.stage, row, made)
            self._fresh[entry.stage][entry.key] = row
            if entry.outcome == "done":
                self._work[entry.stage] = frames + entry.frames, seconds + entry.seconds
        return entry

    def entries(self, stage: str) -> Iterator[Entry]:
        """All indexed entries of a stage, by key; not checked against the store."""
        with self._lock:
            self._stage(stage)
            return self._shelf.all(stage)

    def work(self, stage: str) -> tuple[int, float]:
        """Frames and seconds of all that was ever done in a stage in this store, for measured rates."""
        with self._lock:
            if stage not in self._work:
                # For a rate alone the entries need not be sorted onto the shelf, which takes seconds per million.
                told = self._shelf.work(stage) if stage in self._read else work_in_parts(self._store, stage)
                self._work[stage] = told
            return self._work[stage]

    def flush(self, at_least: int = 1) -> None:
        """Write what is new as one part per stage; only of stages with so many new entries.

        What a killed run did not flush is found by its records, one by one.
        """
        with self._lock:
            for stage, fresh in self._fresh.items():
                if len(fresh) >= at_least:
                    put_part(self._store, stage, list(fresh.values()))
                    fresh.clear()

    def _stage(self, stage: str) -> None:
        if stage not in self._read:
            for rows in read_parts(self._store, stage):
                self._shelf.take_in(stage, rows)
            self._read.add(stage)

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
    drop_receipts(store)
    for path in list(store.list("index/")):
        if "/part-" in path:
            store.delete(path)
    index = RecordIndex(store)
    count = 0
    for path in store.list("artefacts/"):
        if path.endswith("/" + RECORD_NAME):
            record = parse_record(store.get(path))
            if record is None:  # its artefact counts as not made
                continue
            index.add(record)
            index.flush(at_least=REBUILT_PART)
            count += 1
    index.flush()
    return count
