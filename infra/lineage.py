"""What was made from what, by the records of a store."""

import sqlite3
from collections.abc import Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from reenactory.infra.records import RECORD_NAME, parse_record
from reenactory.infra.store import DamagedObject, Store
from reenactory.infra.upkeep import AT_ONCE, Artefact, artefacts


class Lineage:
    """Which artefact was made from which, by the records; in a table on disk, so that millions fit."""

    def __init__(self, store: Store) -> None:
        self._table = sqlite3.connect("", isolation_level=None)
        self._table.execute("pragma journal_mode=off")
        self._table.execute("begin")
        self._table.execute("create table made (stage text, key text, parent text)")
        with ThreadPoolExecutor(AT_ONCE if store.remote else 1) as threads:
            recorded = (found for found in artefacts(store) if found.recorded)
            while batch := list(islice(recorded, AT_ONCE)):
                for found, parents in zip(batch, threads.map(lambda one: _parents(store, one), batch), strict=True):
                    rows = [(found.stage, found.key, parent) for parent in parents]
                    self._table.executemany("insert into made values (?, ?, ?)", rows)
        for column in ("parent", "key"):
            self._table.execute(f"create index by_{column} on made ({column})")

    def descendants(self, seeds: Iterable[str], stop: Set[str]) -> Iterator[tuple[str, str]]:
        """Stage and key of all that was made from seeds (the seeds' own artefacts too), nearest first.

        Keys in `stop` and what was made from them alone are passed over.
        """
        seen, wave = set[tuple[str, str]](), list(seeds)
        own = "select distinct stage, key from made where key = ?"
        for key in wave:
            for found in self._table.execute(own, (key,)).fetchall():
                if found not in seen:
                    seen.add(found)
                    yield found
        while wave:
            key = wave.pop(0)
            for found in self._table.execute("select stage, key from made where parent = ?", (key,)).fetchall():
                if found[1] not in stop and found not in seen:
                    seen.add(found)
                    wave.append(found[1])
                    yield found


def _parents(store: Store, found: Artefact) -> tuple[str, ...]:
    path = found.folder + RECORD_NAME
    record = parse_record(store.get(path))
    if record is None:
        remedy = "what it was made from is not known; run `reenactory store verify --repair`"
        raise DamagedObject(path, store.uri, remedy)
    return record.upstream
