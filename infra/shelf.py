"""Entries by stage and key in a temporary table on disk: a million of them take no more memory than a thousand."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from reenactory.infra.entries import Entry, Row

CACHE_KB = 64 * 1024  # of SQLite's pages in memory; what is beyond lies in a file that vanishes with the process


class State(IntEnum):
    """How far an entry can be believed."""

    TOLD = 0  # by a part of the index
    DISPUTED = 1  # two parts tell it differently: neither is believed
    TRUE = 2  # read from its record
    MADE = 3  # by this run


COLUMNS = "key, outcome, reason, detail, frames, seconds, facts, sizes"
TABLE = """
create table entries (
    stage text, key text, outcome text, reason text, detail text, frames integer, seconds real, facts text, sizes text,
    state integer, primary key (stage, key)
) without rowid
"""
TAKE_IN = f"""
insert into entries (stage, {COLUMNS}, state) values (?, ?, ?, ?, ?, ?, ?, ?, ?, {State.TOLD.value})
on conflict do update set state = {State.DISPUTED.value} where state = {State.TOLD.value} and
    (outcome, reason, detail, frames, seconds, facts, sizes) is not
    (excluded.outcome, excluded.reason, excluded.detail, excluded.frames, excluded.seconds, excluded.facts,
     excluded.sizes)
"""
BELIEVED = f"state <> {State.DISPUTED.value}"
FIND = f"select {COLUMNS}, state from entries where stage = ? and key = ? and {BELIEVED}"
FIND_ALL = f"select {COLUMNS}, state from entries where {BELIEVED} and stage = ? and key in"
KEYS_AT_ONCE = 500  # SQLite takes 999 values in one question, or more


class Shelf:
    """Not safe to share between threads without a lock around it."""

    def __init__(self) -> None:
        # The empty name: a file in the temporary folder (TMPDIR) that has no name, so that even kill -9 leaves nothing.
        self._table = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        for setting in (f"cache_size=-{CACHE_KB}", "journal_mode=off", "synchronous=off", "locking_mode=exclusive"):
            self._table.execute(f"pragma {setting}")
        self._table.execute(TABLE)
        # One transaction that never ends: to commit every entry took 100 to 1500 us instead of 10.
        self._table.execute("begin")

    def take_in(self, stage: str, rows: Iterable[Row]) -> None:
        """Entries of a part of the index. What is known better already stays."""
        self._table.executemany(TAKE_IN, ((stage, *row) for row in rows))

    def put(self, stage: str, row: Row, made: bool) -> None:
        """An entry that is known to be true; `made`: by this run."""
        values = (stage, *row, int(State.MADE if made else State.TRUE))
        self._table.execute("insert or replace into entries values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def find(self, stage: str, key: str) -> tuple[Entry, bool] | None:
        """The entry and whether this run made it; None where there is none that can be believed."""
        found = self._table.execute(FIND, (stage, key)).fetchone()
        return None if found is None else (Entry.of_row(stage, found[:8]), found[8] == State.MADE)

    def find_all(self, stage: str, keys: Sequence[str]) -> dict[str, tuple[Entry, bool]]:
        """What `find` says of each, of those that are there, with one question for hundreds of them."""
        found: dict[str, tuple[Entry, bool]] = {}
        for first in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[first : first + KEYS_AT_ONCE]
            asked = f"{FIND_ALL} ({','.join('?' * len(some))})"
            for row in self._table.execute(asked, (stage, *some)):
                found[row[0]] = Entry.of_row(stage, row[:8]), row[8] == State.MADE
        return found

    def all(self, stage: str) -> Iterator[Entry]:
        """Every entry of a stage that can be believed, by key."""
        asked = f"select {COLUMNS} from entries where stage = ? and {BELIEVED} order by key"
        return (Entry.of_row(stage, row) for row in self._table.execute(asked, (stage,)))

    def work(self, stage: str) -> tuple[int, float]:
        """Frames and seconds of all that is done in a stage."""
        asked = f"select sum(frames), sum(seconds) from entries where stage = ? and outcome = 'done' and {BELIEVED}"
        frames, seconds = self._table.execute(asked, (stage,)).fetchone()
        return frames or 0, seconds or 0.0
