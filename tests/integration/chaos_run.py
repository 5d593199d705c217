"""A run over made-up clips whose processes die: `python chaos_run.py STORE CLIPS WORKERS TOKENS`.

Each file in the folder TOKENS is one death, named `KIND-NUMBER-ANYTHING`: the first process of that kind that comes to
its NUMBERth event takes the file away and dies there, from inside, so that no moment can be missed. Kinds: `worker`
(events: before and after every write to the store), `driver` (every record that it takes in) with kill -9 of all that
belongs to the run (its process group: see `started`), `term` (the same with SIGTERM), `full` (the disk is full then),
`memory` (this process gets no more memory then; where the kernel's OOM killer strikes, it is a kill -9 as above).
"""

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from reenactory.flows.workplace import Workplace
from reenactory.infra.index import RecordIndex
from reenactory.infra.pool import InlinePool, Pool
from reenactory.infra.progress import Tally
from reenactory.infra.ray_pool import RayPool
from reenactory.infra.records import Record
from reenactory.infra.shards import make_shards
from reenactory.infra.store import open_store
from reenactory.infra.store_local import LocalStore
from reenactory.infra.store_s3 import S3Store
from reenactory.tasks import stage
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.running import rates
from reenactory.tasks.running.runner import StageWorker
from reenactory.tasks.stage import Chain, Job, Runtime

VERSION = 1
SCHEMA = None
watched: list[bool] = []  # whether the writes of this process are


class Params(stage.StageParams):
    """No knob."""


@dataclass(frozen=True)
class Item:
    scratch: Path
    number: int


def weights(params: stage.StageParams) -> Sequence[str]:
    return ()


def load(params: stage.StageParams, runtime: Runtime) -> None:
    return None


def refused(number: int) -> bool:
    """Every seventh clip has no face."""
    return number % 7 == 3


def run(item: Item, params: stage.StageParams, models: object) -> Sequence[Outcome]:
    if refused(item.number):
        return (Rejected(Reason.NO_FACE, f"clip {item.number}"),)
    files = {name: item.scratch / name for name in ("a.bin", "b.bin")}
    for name, file in files.items():
        file.write_bytes(f"{name} of clip {item.number} ".encode() * 100)
    return (Made(files, 1, {"number": item.number}),)


def job(number: int) -> Job:
    return Job("chaotic", Params(), ((f"source {number}",),), f"clip {number}", 1, fields={"number": number})


def register() -> None:
    """Make this module a stage of this process."""
    if "chaotic" not in stage.STAGES:
        stage.STAGES = (*stage.STAGES, "chaotic")
    sys.modules["reenactory.tasks.chaotic"] = sys.modules["chaos_run"]
    rates.TYPICAL_SECONDS_PER_FRAME["chaotic"] = 0.001


def on_every(kind: str, tokens: Path, happen: Callable[[str], None]) -> Callable[[str], None]:
    """A function that counts its calls, and lets the death happen at the one that a token names.

    Its argument, what is being written, is handed on.
    """
    numbers = count(1)

    def event(path: str = "") -> None:
        for token in tokens.glob(f"{kind}-{next(numbers)}-*"):
            try:
                token.unlink()
            except FileNotFoundError:
                continue  # another process of this kind was quicker
            happen(path)

    return event


def die_once_for(tokens: Path, path: str) -> None:
    """kill -9, unless one has died at this artefact already: two deaths on one clip would rightly be blamed on it."""
    artefact = path.rpartition("/")[0].replace("/", "+")
    with suppress(FileExistsError):
        (tokens / f"died-{artefact}").touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)


def disk_full(path: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def out_of_memory(path: str) -> None:
    """A real refusal by the kernel: the limit is lowered to what the process has, and more is asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1, hard))
    try:
        bytearray(1 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def watch_writes(events: Sequence[Callable[[str], None]]) -> None:
    """Have the events happen before and after every write of this process."""
    watched.append(True)
    for kind in (LocalStore, S3Store):
        for name in ("put", "put_file"):
            setattr(kind, name, _watched(getattr(kind, name), events))


def _watched(write: Callable[..., None], events: Sequence[Callable[[str], None]]) -> Callable[..., None]:
    def with_events(store: object, path: str, *content: object) -> None:
        for event in events:
            event(path)
        write(store, path, *content)
        for event in events:
            event(path)

    return with_events


def worker(store_uri: str, tokens: Path, here: Path) -> StageWorker:
    """A worker that may die at a write, in whatever process it lives."""
    sys.path.insert(0, str(here))
    import chaos_run

    if not chaos_run.watched:
        chaos_run.register()
        events = [
            ("worker", partial(chaos_run.die_once_for, tokens)),
            ("full", chaos_run.disk_full),
            ("memory", chaos_run.out_of_memory),
        ]
        chaos_run.watch_writes([chaos_run.on_every(kind, tokens, happen) for kind, happen in events])
    return StageWorker(store_uri, Runtime("cpu", 1))


def main(store_uri: str, clips: int, workers: int, tokens: Path) -> int:
    """The exit code of a run: 0, or 1 where something failed."""
    register()
    store = open_store(store_uri)
    deaths = [
        on_every("driver", tokens, lambda _: os.killpg(0, signal.SIGKILL)),
        on_every("term", tokens, lambda _: os.killpg(0, signal.SIGTERM)),
    ]
    add = RecordIndex.add

    def add_and_die(self: RecordIndex, record: Record) -> object:
        for death in deaths:
            death()
        return add(self, record)

    RecordIndex.add = add_and_die  # type: ignore[method-assign, assignment]
    factory = partial(worker, store_uri, tokens, Path(__file__).parent)
    pool: Pool[Chain, list[Record]] = RayPool(factory, workers) if workers else InlinePool(factory)
    place = Workplace(store, RecordIndex(store), pool, Tally("chaos"))
    try:
        for shard in make_shards(range(clips), lambda _: 1.0):
            place.ledger.add(place.drive([(job(number),) for number in shard]))
        place.index.flush()
    finally:
        pool.close()
    return 1 if place.ledger.failures else 0


if __name__ == "__main__":
    sys.modules["chaos_run"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
