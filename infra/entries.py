"""What a plan needs to know of a record, as a value, as a row of a Parquet part and as a row of a table."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
from pydantic import JsonValue
from pydantic_core import from_json

from reenactory.infra.records import Record

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("frames", pa.int64()),
        ("seconds", pa.float64()),
        ("facts", pa.string()),
        ("sizes", pa.string()),
    ]
)

_SORTED = json.JSONEncoder(sort_keys=True)
Row = tuple[str, str, str | None, str | None, int, float, str, str]  # the columns of SCHEMA


class Entry(NamedTuple):
    """What a plan needs to know of a record."""

    stage: str
    key: str
    outcome: str
    reason: str | None
    detail: str | None
    frames: int
    seconds: float
    facts: dict[str, JsonValue]
    sizes: dict[str, int]

    @classmethod
    def of(cls, record: Record) -> "Entry":
        sizes = {name: stamp.bytes for name, stamp in record.files.items()}
        return cls(
            record.stage,
            record.key,
            record.outcome,
            record.reason,
            record.detail,
            record.frames,
            record.seconds,
            record.facts,
            sizes,
        )

    @classmethod
    def of_row(cls, stage: str, row: Row) -> "Entry":
        return cls(stage, *row[:6], from_json(row[6]), from_json(row[7]))

    @property
    def row(self) -> Row:
        return (*self[1:7], _SORTED.encode(self.facts), _SORTED.encode(self.sizes))


def to_table(rows: Iterable[Row]) -> pa.Table:
    """Rows in the order of their keys."""
    columns = list(zip(*sorted(rows), strict=True)) or [()] * len(SCHEMA)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def rows_of(table: pa.Table) -> Iterator[Row]:
    """Column by column: six times as fast as a dictionary for every row."""
    return zip(*(table[name].to_pylist() for name in SCHEMA.names), strict=True)
