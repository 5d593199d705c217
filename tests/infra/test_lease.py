"""Leases: a second run waits for a living one, and for no dead one."""

import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reenactory.infra import lease
from reenactory.infra.lease import Lease, held
from reenactory.infra.process_identity import ProcessIdentity
from reenactory.infra.store import Store, open_store

NAME, PATH = "datasets/mine", "leases/datasets/mine.json"
PATIENCE_S = 60
SAY_WHO = "from reenactory.infra.process_identity import ProcessIdentity as P; print(P.mine().model_dump_json())"
ELSEWHERE = ProcessIdentity(host="other", place="other boot 4026531836", pid=1, started="1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def put_lease(store: Store, holder: ProcessIdentity) -> None:
    store.put(PATH, Lease(token="theirs", holder=holder, since=datetime.now(UTC)).model_dump_json().encode())


def test_it_is_given_back_also_after_an_error(store: Store) -> None:
    with pytest.raises(RuntimeError), held(store, NAME):
        assert store.exists(PATH)
        raise RuntimeError
    assert not store.exists(PATH)


def test_a_second_one_waits_and_is_told_for_whom(store: Store) -> None:
    waits, entered = threading.Event(), threading.Event()
    told: list[str] = []

    def waiting(holder: str) -> None:
        told.append(holder)
        waits.set()

    def second() -> None:
        with held(store, NAME, waiting):
            entered.set()

    thread = threading.Thread(target=second)
    with held(store, NAME):
        thread.start()
        assert waits.wait(PATIENCE_S)
        assert not entered.is_set()
    assert entered.wait(PATIENCE_S)
    thread.join(PATIENCE_S)
    assert len(told) == 1 and str(ProcessIdentity.mine().pid) in told[0]


def test_other_names_are_free(store: Store) -> None:
    with held(store, NAME), held(store, "datasets/other"):
        assert len(list(store.list("leases/"))) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the missing beat tells")
def test_nobody_waits_for_a_process_of_this_machine_that_has_died(store: Store) -> None:
    said = subprocess.run([sys.executable, "-c", SAY_WHO], capture_output=True, check=True, timeout=PATIENCE_S).stdout
    dead = ProcessIdentity.model_validate_json(said)
    assert dead.is_gone() and not ProcessIdentity.mine().is_gone() and not ELSEWHERE.is_gone()
    assert ProcessIdentity.mine().model_copy(update={"started": "1"}).is_gone()  # its number was used again
    put_lease(store, dead)
    told: list[str] = []
    with held(store, NAME, told.append):
        assert told == []


@pytest.mark.parametrize("content", ["a process elsewhere", "not a lease"])
def test_a_lease_without_a_beat_is_taken(store: Store, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(lease, "DEAD_AFTER_S", 0.01)
    monkeypatch.setattr(lease, "LOOK_S", 0.01)
    if content == "not a lease":
        store.put(PATH, b"{}")
    else:
        put_lease(store, ELSEWHERE)
    with held(store, NAME):
        assert b"theirs" not in store.get(PATH)


def test_a_living_one_beats(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.001)
    beaten = threading.Event()
    put = store.put

    def seen(path: str, data: bytes) -> None:
        put(path, data)
        if Lease.model_validate_json(data).beat == 2:
            beaten.set()

    monkeypatch.setattr(type(store), "put", lambda self, path, data: seen(path, data))
    with held(store, NAME):
        assert beaten.wait(PATIENCE_S)


def test_one_that_was_taken_over_leaves_the_new_lease_alone(store: Store) -> None:
    with held(store, NAME):
        put_lease(store, ELSEWHERE)
    assert b"theirs" in store.get(PATH)
