"""One run at a time on one thing. A second one waits until the first has ended, or is seen to be dead.

A lease saves work; it protects nothing. Every write is idempotent, so that two runs which both believe that they hold
it (one was stopped for longer than `DEAD_AFTER_S` and woke up again) only do some work twice.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from reenactory.infra.process_identity import ProcessIdentity
from reenactory.infra.store import MissingObject, Store, StoreFailed

BEAT_S = 10.0
DEAD_AFTER_S = 60.0  # without a beat, by the waiting one's own clock: clocks of two machines need not agree
LOOK_S = 1.0


class Lease(BaseModel, frozen=True):
    """The object in the store."""

    token: str
    holder: ProcessIdentity
    since: datetime
    beat: int = 0

    def says(self) -> str:
        return f"process {self.holder.pid} on {self.holder.host}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


@contextmanager
def held(store: Store, name: str, waiting: Callable[[str], None] = lambda holder: None) -> Iterator[None]:
    """Hold the lease of a name until the block ends.

    Args:
        store: where all runs look.
        name: of the thing, e.g. ``datasets/mine``.
        waiting: called once with who holds it, if somebody does.
    """
    path = f"leases/{name}.json"
    mine = Lease(token=uuid4().hex, holder=ProcessIdentity.mine(), since=datetime.now(UTC))
    _take(store, path, mine, waiting)
    stop = Event()
    beats = Thread(target=_beat, args=(store, path, mine, stop), name="lease", daemon=True)
    beats.start()
    try:
        yield
    finally:
        stop.set()
        beats.join()
        with suppress(StoreFailed):  # it will be seen to be dead
            if _is_mine(store, path, mine):
                store.delete(path)


def _take(store: Store, path: str, mine: Lease, waiting: Callable[[str], None]) -> None:
    seen, since, told = None, time.monotonic(), False
    while not _took(store, path, mine):
        found = _content(store, path)
        if found is None:
            continue  # given back this moment
        if found != seen:
            seen, since = found, time.monotonic()
        holder = _lease(found)
        if (holder and holder.holder.is_gone()) or time.monotonic() - since > DEAD_AFTER_S:
            if _content(store, path) == found:  # else another one that waits was quicker
                store.delete(path)
            continue
        if not told:
            waiting(holder.says() if holder else "unknown")
            told = True
        time.sleep(LOOK_S)


def _took(store: Store, path: str, mine: Lease) -> bool:
    return store.put_if_absent(path, mine.model_dump_json().encode()) or _is_mine(store, path, mine)


def _is_mine(store: Store, path: str, mine: Lease) -> bool:
    content = _content(store, path)
    found = None if content is None else _lease(content)
    return found is not None and found.token == mine.token


def _content(store: Store, path: str) -> bytes | None:
    try:
        return store.get(path)
    except MissingObject:
        return None


def _lease(content: bytes) -> Lease | None:
    """None where the object is nothing that this version wrote."""
    try:
        return Lease.model_validate_json(content)
    except ValidationError:
        return None


def _beat(store: Store, path: str, mine: Lease, stop: Event) -> None:
    beat = 0
    while not stop.wait(BEAT_S):
        with suppress(StoreFailed):  # the work itself will notice, if the store stays away
            if not _is_mine(store, path, mine):
                return  # taken over while this process stood still: both go on, see above
            beat += 1
            store.put(path, mine.model_copy(update={"beat": beat}).model_dump_json().encode())
