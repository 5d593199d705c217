"""Tables in parts: the same rows as in one go, and nothing where the work broke off."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reenactory.infra import tables
from reenactory.infra.store import DamagedObject, MissingObject, open_store
from reenactory.infra.tables import get_table, put_table, table_in_parts

SCHEMA = pa.schema([("name", pa.string()), ("value", pa.int64())])


def part(start: int, rows: int) -> pa.Table:
    return pa.table({"name": [f"n{row}" for row in range(rows)], "value": list(range(start, start + rows))}, SCHEMA)


def test_parts_are_one_table_in_few_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 25)
    store = open_store(str(tmp_path))
    for name in ("once", "again"):
        with table_in_parts(store, f"{name}.parquet", SCHEMA) as parts:
            for start in range(0, 70, 10):
                parts.write(part(start, 10))
    assert get_table(store, "once.parquet")["value"].to_pylist() == list(range(70))
    assert pq.ParquetFile(tmp_path / "once.parquet").num_row_groups == 3
    assert store.get("once.parquet") == store.get("again.parquet")


def test_no_part_is_an_empty_table(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    with table_in_parts(store, "t.parquet", SCHEMA):
        pass
    assert get_table(store, "t.parquet").schema.equals(SCHEMA)


def test_work_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    put_table(store, "t.parquet", part(0, 3))
    with pytest.raises(RuntimeError, match="broke"), table_in_parts(store, "t.parquet", SCHEMA) as parts:
        parts.write(part(5, 5))
        raise RuntimeError("broke")
    assert get_table(store, "t.parquet").num_rows == 3
    with pytest.raises(MissingObject):
        get_table(store, "u.parquet")


@pytest.mark.parametrize("place", [0.3, 0.6, 0.999])
def test_a_damaged_table_is_said_to_be_so(tmp_path: Path, place: float) -> None:
    store = open_store(str(tmp_path))
    put_table(store, "t.parquet", part(0, 1000))
    data = bytearray(store.get("t.parquet"))
    data[int(place * len(data))] ^= 255
    store.put("t.parquet", bytes(data))
    with pytest.raises(DamagedObject, match=r"t\.parquet in .* is damaged: remove it"):
        get_table(store, "t.parquet")
