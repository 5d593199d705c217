"""Looking after a store: leftovers go, what a run is writing stays, and damage is found."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from s3_servers import S3Server

from reenactory.infra import store_s3
from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex
from reenactory.infra.index_parts import put_part
from reenactory.infra.records import RECORD_NAME, Record, artefact_path, write_artefact
from reenactory.infra.store import Store, open_store
from reenactory.infra.store_local import LocalStore
from reenactory.infra.upkeep import artefacts, collect_garbage, faults

STAGES = ("crop", "matte")
HOUR = 3600.0


def record(number: int, stage: str = "crop") -> Record:
    plain = {"version": 1, "params": {}, "upstream": (), "weights": {}, "outcome": "done", "frames": 64}
    return Record.model_validate({"key": f"{number:032x}", "stage": stage, **plain})


def write(store: Store, folder: Path, number: int, stage: str = "crop") -> Record:
    file = folder / "file"
    file.write_bytes(b"frames %d" % number)
    return write_artefact(store, record(number, stage), {"clip.mp4": file})


def without_record(store: Store, folder: Path, number: int) -> str:
    """As a run leaves it that was killed before the record."""
    made = write(store, folder, number)
    store.delete(artefact_path("crop", made.key, RECORD_NAME))
    return artefact_path("crop", made.key, "clip.mp4")


def age(store: LocalStore, *paths: str) -> None:
    for path in paths:
        before = time.time() - 2 * HOUR
        os.utime(store.root / path, (before, before))


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    store = open_store(str(tmp_path / "store"))
    assert isinstance(store, LocalStore)
    return store


@pytest.fixture(params=["local", "seaweedfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "local":
        yield open_store(str(tmp_path / "store"))
        return
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    store_s3.s3_client.cache_clear()
    yield open_store(f"s3://{server.bucket}/upkeep/{tmp_path.name}")
    store_s3.s3_client.cache_clear()


def test_old_files_without_a_record_go_and_nothing_else(local: LocalStore, tmp_path: Path) -> None:
    kept = write(local, tmp_path, 1)
    old, young = without_record(local, tmp_path, 2), without_record(local, tmp_path, 3)
    temp = f"{young.rpartition('/')[0]}/.tmp-killed"
    (local.root / temp).write_bytes(b"half")
    (local.root / f"{temp}-now").write_bytes(b"half")
    age(local, old, temp, artefact_path("crop", kept.key, "clip.mp4"))
    before = list(local.list(""))
    for delete in (False, True):
        found = collect_garbage(local, STAGES, HOUR, delete)
        assert [left.path for left in found.orphans] == [old]
        assert [left.path for left in found.unfinished] == [temp]
        assert (found.stale, found.spared) == ({}, 2)
        assert (list(local.list("")) == before) == (not delete)
    assert list(local.list("")) == [path for path in before if path != old]
    assert [path.name for path in local.root.rglob(".tmp-*")] == [".tmp-killed-now"]


def test_an_artefact_that_is_being_written_again_is_left_alone(local: LocalStore, tmp_path: Path) -> None:
    """One file of it is old, from a killed run; the other was written just now."""
    old = without_record(local, tmp_path, 2)
    local.put(old.replace("clip.mp4", "more.npy"), b"new")
    age(local, old)
    found = collect_garbage(local, STAGES, HOUR, delete=True)
    assert (found.orphans, found.spared) == ([], 2)
    assert local.exists(old)


def test_a_run_that_takes_an_artefact_up_after_the_listing_keeps_it(local: LocalStore, tmp_path: Path) -> None:
    old = without_record(local, tmp_path, 2)
    age(local, old)

    class Meanwhile(LocalStore):
        """Another run makes the artefact while garbage is collected: between the listing and the removal."""

        def unfinished(self, prefix: str) -> Iterator:  # type: ignore[type-arg]
            write(local, tmp_path, 2)
            return super().unfinished(prefix)

    collect_garbage(Meanwhile(local.root), STAGES, HOUR, delete=True)
    assert local.exists(old) and local.exists(old.replace("clip.mp4", RECORD_NAME))


def test_index_entries_without_a_record_go(store: Store, tmp_path: Path) -> None:
    """On a bucket the index alone answers, so such an entry would pass for an artefact for ever."""
    kept, gone = write(store, tmp_path, 1), write(store, tmp_path, 2)
    put_part(store, "crop", [Entry.of(kept).row, Entry.of(gone).row])
    put_part(store, "matte", [Entry.of(write(store, tmp_path, 3, "matte")).row])
    store.delete(artefact_path("crop", gone.key, RECORD_NAME))
    store.delete(artefact_path("crop", gone.key, "clip.mp4"))
    for _ in range(2):
        assert collect_garbage(store, STAGES, HOUR, delete=False).stale == {"crop": {gone.key}}
    collect_garbage(store, STAGES, HOUR, delete=True)
    assert [entry.key for entry in RecordIndex(store).entries("crop")] == [kept.key]
    assert len(list(RecordIndex(store).entries("matte"))) == 1
    assert RecordIndex(store).get("crop", gone.key) is None


def test_an_upload_that_was_never_completed_is_given_up(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    store_s3.s3_client.cache_clear()
    store = store_s3.open_s3_store(f"s3://{s3_server.bucket}/upkeep/uploads")
    client, key = store_s3.s3_client(os.getpid()), "upkeep/uploads/artefacts/crop/aa/aa11/large.mp4"
    upload = client.create_multipart_upload(Bucket=s3_server.bucket, Key=key)["UploadId"]
    client.upload_part(Bucket=s3_server.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * (5 << 20))
    assert collect_garbage(store, STAGES, HOUR, delete=True).spared == 1
    assert len(collect_garbage(store, STAGES, -HOUR, delete=True).unfinished) == 1
    assert collect_garbage(store, STAGES, -HOUR, delete=True).unfinished == []
    assert "Uploads" not in client.list_multipart_uploads(Bucket=s3_server.bucket, Prefix=key)
    store_s3.s3_client.cache_clear()


def cut_short(store: Store, clip: str, done: str) -> None:
    store.put(clip, b"fra")


def changed(store: Store, clip: str, done: str) -> None:
    store.put(clip, b"Frames 1")


def gone(store: Store, clip: str, done: str) -> None:
    store.delete(clip)


def torn(store: Store, clip: str, done: str) -> None:
    store.put(done, store.get(done)[:-9])


def of_another(store: Store, clip: str, done: str) -> None:
    store.put(done, record(9).model_dump_json().encode())


DAMAGE: dict[Callable[[Store, str, str], None], tuple[str, bool]] = {
    cut_short: ("clip.mp4 has 3 bytes, the record says 8", True),
    changed: ("clip.mp4 has another sha256 than the record says", False),
    gone: ("clip.mp4 is missing", True),
    torn: ("the record is damaged", True),
    of_another: (f"the record is that of crop {9:032x}", True),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(store: Store, tmp_path: Path, damage: Callable[[Store, str, str], None]) -> None:
    made = [write(store, tmp_path, number) for number in (1, 2)]
    assert list(faults(store, STAGES)) == [None, None]
    clip, done = (artefact_path("crop", made[0].key, name) for name in ("clip.mp4", RECORD_NAME))
    damage(store, clip, done)
    problem, seen_by_size = DAMAGE[damage]
    found = [fault for fault in faults(store, STAGES) if fault]
    assert [(fault.record_path, fault.problem) for fault in found] == [(done, problem)]
    assert bool([fault for fault in faults(store, STAGES, sizes_only=True) if fault]) == seen_by_size


def test_artefacts_are_grouped_by_key(store: Store, tmp_path: Path) -> None:
    for number in range(40):
        write(store, tmp_path, number * 2**120, "crop" if number % 2 else "matte")
    found = list(artefacts(store))
    assert len(found) == 40 and all(set(one.files) == {"clip.mp4", RECORD_NAME} for one in found)
    assert {(one.stage, one.key) for one in artefacts(store, "crop")} == {
        ("crop", f"{number * 2**120:032x}") for number in range(1, 40, 2)
    }
