"""Parquet tables as objects of a store."""

import pyarrow as pa
import pyarrow.parquet as pq

from reenactory.infra.store import Store


def put_table(store: Store, path: str, table: pa.Table) -> None:
    """Write or replace a table; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    store.put(path, bytes(sink.getvalue()))


def get_table(store: Store, path: str) -> pa.Table:
    """The whole table; MissingObject where there is none."""
    return pq.read_table(pa.BufferReader(store.get(path)))
