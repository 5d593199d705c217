"""Parquet tables as objects of a store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from reenactory.infra.store import DamagedObject, Store

UNREADABLE = (pa.ArrowException, OSError, ValueError)  # what Arrow raises for damaged files and other contents
ROWS_AT_ONCE = 500_000  # of a table that is written in parts


def folder_of(path: str) -> str:
    """`clips` of datasets/NAME/clips/part-0.parquet, whatever the NAME: a dataset may be called "clips"."""
    return [*path.split("/"), "", "", ""][2]


def complaint(error: Exception) -> str:
    """What an error says, in one short line: Arrow's own may be a page."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def table_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def put_table(store: Store, path: str, table: pa.Table) -> None:
    """Write or replace a table."""
    store.put(path, table_bytes(table))


def table_of(payload: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """The table in the bytes of a Parquet file, or some of its columns.

    Read in this thread: Arrow's own, which hold the bytes, let go of them at a time of their choosing, and where Python
    is about to end by then the process aborts after its work is done (apache/arrow issues 34314, 50482).

    Raises:
        one of UNREADABLE: it is damaged, or no Parquet.
    """
    return pq.read_table(
        pa.BufferReader(payload),
        columns=None if columns is None else list(columns),
        page_checksum_verification=True,
        use_threads=False,
        pre_buffer=False,
    )


def batches_of(payload: bytes, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    """The same, so many rows at a time."""
    file = pq.ParquetFile(pa.BufferReader(payload), page_checksum_verification=True, pre_buffer=False)
    yield from file.iter_batches(rows, columns=schema.names, use_threads=False)


def get_table(store: Store, path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table, or some of its columns; MissingObject where there is none, DamagedObject where it cannot be read."""
    payload = store.get(path)
    try:
        return table_of(payload, columns)
    except UNREADABLE as error:
        raise DamagedObject(path, store.uri, "remove it, and run the command that made it again") from error


class TableParts:
    """A table that is larger than memory, given in parts; see `table_in_parts`."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def write(self, part: pa.Table) -> None:
        self._waiting.append(part.cast(self._schema))
        self._rows += part.num_rows
        if self._rows >= ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._rows = [], 0


@contextmanager
def table_in_parts(store: Store, path: str, schema: pa.Schema) -> Iterator[TableParts]:
    """Write or replace a table part by part; it appears when the block ends well, with the same bytes each time."""
    with TemporaryDirectory() as folder:
        local = Path(folder) / "table.parquet"
        with pq.ParquetWriter(local, schema, compression="zstd", write_page_checksum=True) as writer:
            parts = TableParts(writer, schema)
            yield parts
            parts.flush()
        store.put_file(path, local)
