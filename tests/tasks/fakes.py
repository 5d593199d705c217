"""A stage, a pool and a store that tests of the driver can steer."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import Field

from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex
from reenactory.infra.progress import Tally
from reenactory.infra.records import Record
from reenactory.infra.store import Store
from reenactory.tasks import stage
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.running import rates
from reenactory.tasks.running.drive import Drive, FollowUp
from reenactory.tasks.running.runner import StageWorker
from reenactory.tasks.stage import Chain, Job, Runtime, StageParams


class FakeParams(StageParams):
    """What a fake stage is told."""

    knob: int = Field(default=1, description="Part of the key.")


@dataclass(frozen=True)
class FakeItem:
    """One word per key; what is done with each word is decided by the word itself."""

    scratch: Path
    words: tuple[str, ...] = ("plain",)
    per_key: tuple[dict[str, str], ...] = ()
    upstream: object = None


def _outcome(item: FakeItem, word: str) -> Outcome:
    if word == "faceless":
        return Rejected(Reason.NO_FACE, "nobody there")
    file = item.scratch / f"{word}.npy"
    import numpy as np

    np.save(file, np.arange(3), allow_pickle=False)
    return Made({"data.npy": file}, 10, {"word": word})


def run(item: FakeItem, params: FakeParams, models: object) -> Sequence[Outcome]:
    words = tuple(part["word"] for part in item.per_key) or item.words
    return tuple(_outcome(item, word) for word in words)


def fake_stage(name: str, function: Callable[..., Sequence[Outcome]] = run) -> SimpleNamespace:
    names = {"VERSION": 1, "Params": FakeParams, "Item": FakeItem, "SCHEMA": None}
    calls = {"weights": lambda params: (), "load": lambda params, runtime: None, "run": function}
    return SimpleNamespace(__name__=name, **names, **calls)


def install(monkeypatch: pytest.MonkeyPatch, stages: dict[str, SimpleNamespace]) -> None:
    """Have the stages found by name wherever a stage is looked up."""
    import reenactory.tasks.running.runner as runner

    def get(name: str) -> SimpleNamespace:
        return stages[name]

    for module in (stage, runner):
        monkeypatch.setattr(module, "get_stage", get)
    for name in stages:
        monkeypatch.setitem(rates.TYPICAL_SECONDS_PER_FRAME, name, 0.01)


def job(name: str, word: str, *more: str) -> Job:
    """A job of a fake stage: one key per word."""
    words = (word, *more)
    per_key = tuple({"word": each} for each in words) if more else ()
    fields = {} if more else {"words": words}
    upstream = tuple((f"source of {each}",) for each in words)
    return Job(name, FakeParams(), upstream, f"{name} {word}", 10, {}, dict(fields), per_key)


class FakePool:
    """Runs chains at once in this thread, through the real runner, unless a fault is planned for a label."""

    slots = 2

    def __init__(self, store: Store, faults: dict[str, list[Exception]] | None = None) -> None:
        self.asked: list[Chain] = []
        self.faults = faults or {}
        self._store = store

    def submit(self, request: Chain) -> "Future[list[Record]]":
        self.asked.append(request)
        future: Future[list[Record]] = Future()
        planned = self.faults.get(request[0].label, [])
        if planned:
            future.set_exception(planned.pop(0))
            return future
        try:
            future.set_result(StageWorker(self._store.uri, Runtime("cpu", 1)).process(request))
        except Exception as error:  # noqa: BLE001 - as a pool does
            future.set_exception(error)
        return future

    def close(self) -> None: ...


def nothing(chain: Chain, entries: dict[str, Entry]) -> tuple[Chain, ...]:
    return ()


def drive(store: Store, pool: FakePool, follow: FollowUp = nothing, retry: Sequence[str] = ()) -> Drive:
    return Drive(store, RecordIndex(store, retry), pool, Tally("test"), follow)
