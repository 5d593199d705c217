"""The runner: outcomes become records, faults of data become reasons, everything else is raised."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes import FakeItem, FakeParams, fake_stage, install, job

from reenactory.infra.records import artefact_path, read_record
from reenactory.infra.settings import Settings
from reenactory.infra.store import Store
from reenactory.infra.video import FaultCode, VideoFault
from reenactory.tasks.outcomes import MEANING, Made, Outcome, Reason
from reenactory.tasks.running.runner import StageWorker, decode
from reenactory.tasks.stage import ArtefactRef, Job, Runtime


def worker(store: Store) -> StageWorker:
    return StageWorker(store.uri, Runtime("cpu", 1))


def scratch_left() -> list[Path]:
    return [path for path in (Settings().cache_folder / "scratch").rglob("*") if path.is_file()]


def test_what_is_made_is_written_with_its_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {"one": fake_stage("one")})
    asked = job("one", "a", "faceless", "b")
    records = worker(store).process((asked,))
    assert tuple(record.key for record in records) == asked.keys
    assert [record.outcome for record in records] == ["done", "rejected", "done"]
    assert [record.reason for record in records] == [None, "NO_FACE", None]
    for record in records:
        assert read_record(store, "one", record.key) == record
    assert records[2].facts == {"word": "b"}
    assert (records[2].params, records[2].upstream) == ({"knob": 1}, ("source of b",))
    assert store.exists(artefact_path("one", records[2].key, "data.npy"))
    assert scratch_left() == []


@pytest.mark.parametrize("code", FaultCode)
def test_a_fault_of_the_data_rejects_every_key_of_the_job(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: FaultCode
) -> None:
    def broken(item: FakeItem, params: FakeParams, models: object) -> Sequence[Outcome]:
        raise VideoFault(code, "3 of 9 frames")

    install(monkeypatch, {"one": fake_stage("one", broken), "two": fake_stage("two")})
    records = worker(store).process((job("one", "a", "b"), job("two", "a")))
    assert [(record.stage, record.reason, record.detail) for record in records] == [("one", code, "3 of 9 frames")] * 2
    assert MEANING[Reason(code)]


def test_a_bug_is_raised_and_writes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(item: FakeItem, params: FakeParams, models: object) -> Sequence[Outcome]:
        (item.scratch / "half").write_text("made")
        raise ZeroDivisionError("bug")

    install(monkeypatch, {"one": fake_stage("one", buggy)})
    with pytest.raises(ZeroDivisionError):
        worker(store).process((job("one", "a"),))
    assert list(store.list("")) == []
    assert scratch_left() == []


def test_a_wrong_number_of_outcomes_is_a_bug(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(item: FakeItem, params: FakeParams, models: object) -> Sequence[Outcome]:
        return (Made({}, 1),)

    install(monkeypatch, {"one": fake_stage("one", short)})
    with pytest.raises(RuntimeError, match="2 keys but 1 outcomes"):
        worker(store).process((job("one", "a", "b"),))
    assert list(store.list("")) == []


def test_models_are_loaded_once_and_inputs_decoded_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    loads: list[str] = []

    def look(item: FakeItem, params: FakeParams, models: object) -> Sequence[Outcome]:
        seen.append(item.upstream)
        return (Made({}, 1),)

    stages = {name: fake_stage(name, look) for name in ("two", "three")} | {"one": fake_stage("one")}
    for name, each in stages.items():
        each.load = lambda params, runtime, name=name: loads.append(name)
    install(monkeypatch, stages)
    first = job("one", "a")
    here = worker(store)
    here.process((first,))
    inputs = {"upstream": ArtefactRef("one", first.keys[0], "data.npy", 1, 1)}
    for word in ("x", "y"):
        pair = tuple(Job(name, FakeParams(), ((word,),), word, 1, dict(inputs)) for name in ("two", "three"))
        here.process(pair)
    assert loads == ["one", "two", "three"]
    assert [np.asarray(array).tolist() for array in seen] == [[1]] * 4
    assert seen[0] is seen[1]
    assert seen[0] is not seen[2]


def test_a_span_of_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"frame": list(range(9))}), tmp_path / "t.parquet")
    table = decode(tmp_path / "t.parquet", 2, 3)
    assert isinstance(table, pa.Table)
    assert table["frame"].to_pylist() == [2, 3, 4]
    rest = decode(tmp_path / "t.parquet", 7)
    assert isinstance(rest, pa.Table)
    assert rest["frame"].to_pylist() == [7, 8]
    (tmp_path / "t.txt").touch()
    with pytest.raises(ValueError, match=r"no decoder for '\.txt'"):
        decode(tmp_path / "t.txt")


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANING) == set(Reason)
