"""Records: what is read is what was written, and none vouches for files that are not there."""

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from reenactory.infra.index import RecordIndex, rebuild_index
from reenactory.infra.lineage import Lineage
from reenactory.infra.records import RECORD_NAME, Record, artefact_path, read_record, write_artefact
from reenactory.infra.store import DamagedObject, Store, open_store
from reenactory.infra.store_local import LocalStore
from reenactory.infra.upkeep import faults

RECORD = Record(
    key="ab" * 16,
    stage="crop",
    version=1,
    params={"crf": 17, "fps": None},
    upstream=("cd" * 16, "0+64"),
    weights={"yunet": "00"},
    outcome="done",
    facts={"clips": [{"box_ltrb": [1, 2, 3, 4]}]},
    frames=64,
    seconds=0.25,
)


class FailingStore(LocalStore):
    """A store whose n-th write fails."""

    def fail_at(self, write: int) -> None:
        object.__setattr__(self, "left", write)

    def _count(self) -> None:
        object.__setattr__(self, "left", self.left - 1)  # type: ignore[attr-defined]
        if self.left < 0:  # type: ignore[attr-defined]
            raise OSError("disk full")

    def put(self, path: str, data: bytes) -> None:
        self._count()
        super().put(path, data)

    def put_file(self, path: str, local: Path) -> None:
        self._count()
        super().put_file(path, local)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in ("b.bin", "a.bin")}
    for name, path in made.items():
        path.write_bytes(name.encode() * 10)
    return made


def test_round_trip(store: Store, files: dict[str, Path]) -> None:
    assert read_record(store, "crop", RECORD.key) is None
    written = write_artefact(store, RECORD, files)
    assert read_record(store, "crop", RECORD.key) == written
    assert written.model_copy(update={"files": {}, "versions": {}, "seal": ""}) == RECORD
    for name, path in files.items():
        stored = store.get(artefact_path("crop", RECORD.key, name))
        assert stored == path.read_bytes()
        assert (written.files[name].bytes, written.files[name].sha256) == (50, hashlib.sha256(stored).hexdigest())
    assert written.versions["reenactory"]
    assert list(store.list("")) == [f"artefacts/crop/ab/{RECORD.key}/{n}" for n in (RECORD_NAME, "a.bin", "b.bin")]


@pytest.mark.parametrize("write", [0, 1, 2])
def test_a_write_that_fails_leaves_no_record(tmp_path: Path, files: dict[str, Path], write: int) -> None:
    store = FailingStore(tmp_path / "store")
    store.fail_at(write)
    with pytest.raises(OSError, match="disk full"):
        write_artefact(store, RECORD, files)
    assert read_record(store, "crop", RECORD.key) is None
    store.fail_at(99)
    again = write_artefact(store, RECORD, files)
    assert read_record(store, "crop", RECORD.key) == again


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Record.model_validate({**RECORD.model_dump(), "colour": "red"})


def test_a_record_that_was_changed_since_counts_as_none(store: Store, files: dict[str, Path]) -> None:
    """Still valid JSON of the right form: only the seal tells."""
    write_artefact(store, RECORD, files)
    path = artefact_path("crop", RECORD.key, RECORD_NAME)
    payload = store.get(path)
    assert b"box_ltrb" in payload
    store.put(path, payload.replace(b"box_ltrb", b"box_ltrc"))
    assert read_record(store, "crop", RECORD.key) is None
    assert RecordIndex(store).get("crop", RECORD.key) is None
    assert rebuild_index(store) == 0
    assert [fault.problem for fault in faults(store, ["crop"]) if fault] == ["the record is damaged"]
    with pytest.raises(DamagedObject, match="verify --repair"):
        Lineage(store)
    store.put(path, payload)
    assert rebuild_index(store) == 1


def test_the_seal_does_not_depend_on_the_time_taken_and_older_records_have_none(
    store: Store, files: dict[str, Path]
) -> None:
    written = write_artefact(store, RECORD, files)
    assert write_artefact(store, RECORD.model_copy(update={"seconds": 9.0}), files).seal == written.seal
    old = written.model_copy(update={"seal": ""})
    store.put(artefact_path("crop", RECORD.key, RECORD_NAME), old.model_dump_json().encode())
    assert read_record(store, "crop", RECORD.key) == old
