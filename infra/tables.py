"""Parquet tables as objects of a store."""

import pyarrow as pa
import pyarrow.parquet as pq

from reenactory.infra.store import Store


def table_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def put_table(store: Store, path: str, table: pa.Table) -> None:
    """Write or replace a table."""
    store.put(path, table_bytes(table))


def get_table(store: Store, path: str) -> pa.Table:
    """The whole table; MissingObject where there is none."""
    return pq.read_table(pa.BufferReader(store.get(path)))
