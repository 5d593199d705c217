"""`reenactory store ...`: what each command says, what it leaves alone, and its exit code."""

import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reenactory.flows.cli import app
from reenactory.infra.index import RecordIndex, rebuild_index
from reenactory.infra.receipts import FOLDER
from reenactory.infra.records import RECORD_NAME, Record, artefact_path, write_artefact
from reenactory.infra.store import StoreUnusable
from reenactory.infra.store_local import LocalStore, open_local_store
from reenactory.tasks.errors import WrongUseError


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Two artefacts, one of them without its record for two days."""
    store = open_local_store(tmp_path / "store")
    (tmp_path / "file").write_bytes(b"frames")
    plain = {"stage": "crop", "version": 1, "params": {}, "upstream": (), "weights": {}, "outcome": "done"}
    for number in (1, 2):
        write_artefact(store, Record.model_validate({"key": f"{number:032x}", **plain}), {"a": tmp_path / "file"})
    store.delete(clip(2, RECORD_NAME))
    before = time.time() - 48 * 3600
    os.utime(store.root / clip(2), (before, before))
    return store


def clip(number: int, name: str = "a") -> str:
    return artefact_path("crop", f"{number:032x}", name)


def run(store: LocalStore, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["store", *words, "--store", str(store.root)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_gc_says_and_only_deletes_when_it_is_told_to(store: LocalStore) -> None:
    code, said = run(store, "gc")
    assert code == 0 and clip(2) in said and "found: 1 files without a record" in said and "give --delete" in said
    assert store.exists(clip(2))
    assert "found: 0 files without a record" in run(store, "gc", "--older-than-hours", "72")[1]
    code, said = run(store, "gc", "--delete")
    assert code == 0 and "removed: 1 files" in said
    assert not store.exists(clip(2)) and store.exists(clip(1))


def test_verify_has_an_exit_code_and_repairs_when_it_is_told_to(store: LocalStore) -> None:
    assert run(store, "verify") == (0, "1 records, 0 do not hold\n")
    store.put(clip(1), b"Frames")
    code, said = run(store, "verify")
    assert code == 1 and f"{clip(1, RECORD_NAME)}: a has another sha256" in said and "give --repair" in said
    assert run(store, "verify", "--sizes-only")[0] == 0
    assert run(store, "verify", "--repair")[0] == 0
    assert not store.exists(clip(1, RECORD_NAME))


def test_what_verify_takes_away_a_bucket_no_longer_believes(store: LocalStore) -> None:
    """There an entry of the index is believed without a look at its files."""
    rebuild_index(store)
    store.put(FOLDER + "receipt", b"of a shard with that clip")
    store.put(clip(1), b"Frames")
    assert RecordIndex(LocalStore(store.root, remote=True)).get("crop", f"{1:032x}") is not None
    assert run(store, "verify", "--repair")[0] == 0
    assert RecordIndex(LocalStore(store.root, remote=True)).get("crop", f"{1:032x}") is None
    assert not list(store.list(FOLDER))


@pytest.mark.parametrize("words", [("gc",), ("verify",), ("forget", "--identity", "a"), ("rebuild-index",)])
def test_a_mistyped_store_is_no_empty_store(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(StoreUnusable, match="there is no store at"):
        run(LocalStore(tmp_path / "stroe"), *words)
    assert not (tmp_path / "stroe").exists()


def test_forget_of_nobody_and_rebuild(store: LocalStore) -> None:
    with pytest.raises(WrongUseError, match="is of identity 'nobody'"):
        run(store, "forget", "--identity", "nobody")
    assert run(store, "rebuild-index") == (0, "1 records indexed\n")
