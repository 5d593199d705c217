"""The index of records: quick, and never believed over the records."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reenactory.infra import index_parts
from reenactory.infra.digests import DIGEST_TABLE
from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex, rebuild_index
from reenactory.infra.index_parts import MANY_SMALL, parts_of, put_part
from reenactory.infra.records import RECORD_NAME, Record, artefact_path, write_artefact
from reenactory.infra.store import open_store
from reenactory.infra.store_local import LocalStore


class CountingStore(LocalStore):
    """Notes which objects are read."""

    reads: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def get(self, path: str) -> bytes:
        self.reads.append(path)
        return super().get(path)


class FarStore(CountingStore):
    """Behaves as S3 does: a look costs a round trip."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, remote=True)

    def exists(self, path: str) -> bool:
        self.reads.append(path)
        return super().exists(path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    open_store(str(tmp_path / "store"))
    CountingStore.reads.clear()
    yield CountingStore(tmp_path / "store")
    CountingStore.reads.clear()


def record(number: int, stage: str = "crop", **changes: object) -> Record:
    plain = {"stage": stage, "version": 1, "params": {}, "upstream": (), "weights": {}, "outcome": "done", "frames": 64}
    facts = {"size_px": 256, "clips": [{"start": number}]}
    return Record.model_validate({"key": f"{number:032x}", "facts": facts, "seconds": 0.5, **plain, **changes})


def rejected(number: int, reason: str) -> Record:
    return record(number, outcome="rejected", reason=reason, detail="why", frames=0)


def write(store: LocalStore, wanted: Record, content: bytes = b"frames") -> Record:
    if wanted.outcome == "rejected":
        return write_artefact(store, wanted, {})
    file = store.root.parent / "file"
    file.write_bytes(content)
    return write_artefact(store, wanted, {"clip.mp4": file})


def indexed(store: LocalStore, *records: Record) -> list[Record]:
    written = [write(store, wanted) for wanted in records]
    index = RecordIndex(store)
    for made in written:
        index.add(made)
    index.flush()
    return written


def test_an_entry_repeats_its_record(store: LocalStore) -> None:
    (made, refused) = indexed(store, record(1), rejected(2, "NO_FACE"))
    again = RecordIndex(store)
    assert again.get("crop", made.key) == Entry.of(made)
    assert again.get("crop", refused.key) == Entry.of(refused)
    assert again.get("crop", f"{3:032x}") is None
    assert again.get("matte", made.key) is None
    assert list(again.entries("crop")) == [Entry.of(made), Entry.of(refused)]


def test_a_far_store_is_asked_once_per_stage_and_not_per_key(store: LocalStore) -> None:
    made = indexed(store, *(record(number) for number in range(20)))
    far = FarStore(store.root)
    index = RecordIndex(far)
    FarStore.reads.clear()
    assert all(index.get("crop", entry.key) for entry in made)
    assert len(FarStore.reads) == 1


def test_a_record_that_the_index_lacks_is_found_and_then_remembered(store: LocalStore) -> None:
    made = write(store, record(1))
    index = RecordIndex(store)
    assert index.get("crop", made.key) == Entry.of(made)
    index.flush()
    CountingStore.reads.clear()
    assert RecordIndex(store).get("crop", made.key) == Entry.of(made)
    assert not any(path.endswith(RECORD_NAME) for path in CountingStore.reads)


@pytest.mark.parametrize("damage", ["folder", "file", "truncated", "record"])
def test_an_artefact_that_is_gone_or_cut_short_is_noticed(store: LocalStore, damage: str) -> None:
    (made,) = indexed(store, record(1))
    clip = store.root / artefact_path("crop", made.key, "clip.mp4")
    done = store.root / artefact_path("crop", made.key, RECORD_NAME)
    for path in {"folder": (clip, done), "file": (clip,), "record": (done,), "truncated": ()}[damage]:
        path.unlink()
    if damage == "truncated":
        clip.write_bytes(b"fra")
    assert RecordIndex(store).get("crop", made.key) is None


def test_reasons_to_retry_count_as_absent_until_they_were_tried(store: LocalStore) -> None:
    timeout, faceless = indexed(store, rejected(1, "DECODE_TIMEOUT"), rejected(2, "NO_FACE"))
    index = RecordIndex(store, retry=["DECODE_TIMEOUT"])
    assert index.get("crop", timeout.key) is None
    assert index.get("crop", faceless.key) == Entry.of(faceless)
    again = index.add(write(store, rejected(1, "DECODE_TIMEOUT")))
    assert index.get("crop", timeout.key) == again  # tried in this run: not again


@pytest.mark.parametrize("others", range(4))
def test_a_retry_that_succeeded_stays_a_success(store: LocalStore, others: int) -> None:
    """Parts are named by their keys and read in the order of their names, which says nothing of their age."""
    indexed(store, rejected(1, "DECODE_TIMEOUT"), *(record(10 + other) for other in range(others)))
    (done, _) = indexed(store, record(1), record(99))
    for _ in range(2):
        index = RecordIndex(store)
        assert index.get("crop", done.key) == Entry.of(done)
        index.flush()


def test_an_artefact_made_again_with_another_size_is_not_made_a_third_time(store: LocalStore) -> None:
    indexed(store, record(1), record(2))
    made = write(store, record(1), b"other frames")  # by another process: this index does not know
    assert RecordIndex(store).get("crop", made.key) == Entry.of(made)


def test_rebuilding_gives_the_same_index_and_keeps_the_digests_of_the_videos(store: LocalStore) -> None:
    made = indexed(store, record(1), rejected(2, "NO_FACE"), record(3, "matte"))
    store.put(DIGEST_TABLE, b"digests")
    store.put("index/crop/part-stale.parquet", store.get(next(iter(store.list("index/crop/")))))
    before = {stage: list(RecordIndex(store).entries(stage)) for stage in ("crop", "matte")}
    assert rebuild_index(store) == 3
    assert {stage: list(RecordIndex(store).entries(stage)) for stage in ("crop", "matte")} == before
    assert len(list(store.list("index/crop/"))) == 1
    assert store.get(DIGEST_TABLE) == b"digests"
    assert all(RecordIndex(store).get(entry.stage, entry.key) for entry in made)


def test_nothing_is_lost_between_threads_that_add_and_flush(store: LocalStore) -> None:
    index = RecordIndex(store)
    errors: list[BaseException] = []

    def work(shard: int) -> None:
        try:
            for number in range(25):
                index.add(record(shard * 100 + number, outcome="rejected", reason="NO_FACE"))
                index.get("crop", f"{shard * 100 + number:032x}")
                index.entries("crop")
                if number % 5 == 0:
                    index.flush()
            index.flush()
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=work, args=(shard,)) for shard in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    expected = {f"{shard * 100 + number:032x}" for shard in range(4) for number in range(25)}
    assert {entry.key for entry in RecordIndex(store).entries("crop")} == expected


def test_flushing_nothing_writes_nothing(store: LocalStore) -> None:
    index = RecordIndex(store)
    index.get("crop", "00")
    index.flush()
    assert list(store.list("")) == []


def leave_parts(store: LocalStore, stage: str, keys: Sequence[Sequence[int]]) -> None:
    """One part per group of keys, as runs leave them."""
    for group in keys:
        put_part(store, stage, [Entry.of(record(number, stage)).row for number in group])


def test_many_small_parts_become_one_and_nothing_is_lost(store: LocalStore) -> None:
    leave_parts(store, "crop", [[number, number + 1] for number in range(2 * MANY_SMALL + 4)])
    read = [entry.key for entry in RecordIndex(store).entries("crop")]
    assert read == [f"{number:032x}" for number in range(2 * MANY_SMALL + 5)]
    assert len(parts_of(store, "crop")) == 1
    assert [entry.key for entry in RecordIndex(store).entries("crop")] == read


def test_few_or_large_parts_are_left_alone(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_parts(store, "crop", [[number] for number in range(MANY_SMALL)])
    leave_parts(store, "matte", [[number] for number in range(MANY_SMALL + 1)])
    monkeypatch.setattr(index_parts, "SMALL_ROWS", 1)
    before = list(store.list("index/"))
    assert len([*RecordIndex(store).entries("crop"), *RecordIndex(store).entries("matte")]) == 2 * MANY_SMALL + 1
    assert list(store.list("index/")) == before


def test_merging_keeps_no_entry_that_parts_tell_differently(store: LocalStore) -> None:
    """Which of them is true says the record alone; the index then remembers it."""
    truth = write(store, record(1))
    leave_parts(store, "crop", [[number] for number in range(2, MANY_SMALL + 2)])
    for told in (rejected(1, "DECODE_TIMEOUT"), truth):
        put_part(store, "crop", [Entry.of(told).row])
    index = RecordIndex(store)
    assert index.get("crop", truth.key) == Entry.of(truth)
    index.flush()
    assert len(parts_of(store, "crop")) == 2
    found = {entry.key: entry for entry in RecordIndex(store).entries("crop")}
    assert found[truth.key] == Entry.of(truth) and len(found) == MANY_SMALL + 1


def test_parts_that_another_run_merges_while_they_are_read_are_not_missed(store: LocalStore) -> None:
    class Merging(LocalStore):
        """Another run merges all parts just before this one reads its second."""

        def get(self, path: str) -> bytes:
            if path == second and path in parts_of(store, "crop"):
                list(RecordIndex(store).entries("crop"))
            return super().get(path)

    leave_parts(store, "crop", [[number] for number in range(MANY_SMALL + 8)])
    second = parts_of(store, "crop")[-1]
    read = [entry.key for entry in RecordIndex(Merging(store.root)).entries("crop")]
    assert read == [f"{number:032x}" for number in range(MANY_SMALL + 8)]


def test_a_killed_merge_loses_nothing(store: LocalStore) -> None:
    """The merged part is there before the first of those that it repeats goes."""

    class Dying(LocalStore):
        def delete(self, path: str) -> None:
            raise KeyboardInterrupt

    leave_parts(store, "crop", [[number] for number in range(MANY_SMALL + 8)])
    with pytest.raises(KeyboardInterrupt):
        list(RecordIndex(Dying(store.root)).entries("crop"))
    assert len(list(RecordIndex(store).entries("crop"))) == MANY_SMALL + 8


def test_an_estimate_asks_a_far_store_for_nothing_but_the_index(store: LocalStore) -> None:
    (known,) = indexed(store, record(1))
    unknown = write(store, record(2))
    far, near = RecordIndex(FarStore(store.root)), RecordIndex(store)
    far.told("crop", known.key)
    FarStore.reads.clear()
    assert far.told("crop", known.key) == Entry.of(known)
    assert far.told("crop", unknown.key) is None
    assert FarStore.reads == []
    assert near.told("crop", unknown.key) == Entry.of(unknown)


def test_work_adds_up_without_reading_the_entries_again(store: LocalStore) -> None:
    indexed(store, record(1), record(2), rejected(3, "NO_FACE"))
    index = RecordIndex(store)
    assert index.work("crop") == (128, 1.0)
    index.add(record(4))
    index.add(rejected(5, "NO_FACE"))
    assert index.work("crop") == (192, 1.5)
    assert index.work("matte") == (0, 0.0)


def test_only_what_this_run_made_counts_as_made(store: LocalStore) -> None:
    (old,) = indexed(store, record(1))
    index = RecordIndex(store)
    index.get("crop", old.key)
    new = index.add(record(2))
    assert [index.made("crop", key) for key in (old.key, new.key, "00")] == [False, True, False]


def test_small_batches_wait_for_each_other(store: LocalStore) -> None:
    index = RecordIndex(store)
    index.add(record(1))
    index.flush(at_least=2)
    assert list(store.list("index/")) == []
    index.add(record(2))
    index.flush(at_least=2)
    assert len(parts_of(store, "crop")) == 1
