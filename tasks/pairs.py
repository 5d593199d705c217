"""Pairs: which source frame is driven by which clip. A file, so that anybody can re-run a table."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from reenactory.infra.keys import digest
from reenactory.infra.tables import UNREADABLE, complaint
from reenactory.tasks.errors import WrongUseError

SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("protocol", pa.string()),
        ("source_clip", pa.string()),
        ("source_frame", pa.int64()),
        ("driving_clip", pa.string()),
        ("driving_start", pa.int64()),
        ("driving_count", pa.int64()),
        ("seed", pa.int64()),
    ]
)
PAIR_ID = re.compile(r"[^\s./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*")
MOST_ID_BYTES = 150  # in UTF-8: a renderer's name and a suffix come behind it, and 255 are a file system's limit
# In the file's metadata.
DATASET = b"dataset"  # which clips table the names belong to
SHA256 = b"pairs_sha256"
DRAWN_BY = b"drawn_by"  # protocol, seed and limits in words; believed only while the hash beside it holds
METADATA = (DATASET, SHA256, DRAWN_BY)


class Pair(NamedTuple):
    """A row of a pair file. Frames are counted from the start of their clip."""

    pair_id: str
    protocol: str
    source_clip: str
    source_frame: int
    driving_clip: str
    driving_start: int
    driving_count: int
    seed: int


class PairFile(NamedTuple):
    """What a pair file says."""

    pairs: list[Pair]
    dataset: str | None
    drawn_by: str  # empty where it does not say, or was changed since


def make_pair(
    protocol: str, source: str, frame: int, driver: str, driving_start: int, driving_count: int, seed: int
) -> Pair:
    """The id derives from what the pair is, so the same pair has the same id in every file."""
    name = digest(f"{protocol}/{source}/{frame}/{driver}/{driving_start}/{driving_count}")[:12]
    return Pair(f"{protocol}-{name}", protocol, source, frame, driver, driving_start, driving_count, seed)


def pairs_sha256(pairs: Sequence[Pair]) -> str:
    """Of the pairs as a set: neither their order, nor the file's format, nor the seed that drew them is in it.

    sha256 over one line per distinct pair, sorted and each ended by a newline: the JSON list of all columns but seed.
    """
    lines = {json.dumps(pair[:-1], ensure_ascii=True, separators=(",", ":")) for pair in pairs}
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()


def to_table(pairs: Sequence[Pair], dataset: str, drawn_by: str = "") -> pa.Table:
    unique = list({pair.pair_id: pair for pair in pairs}.values())  # two draws may hit the same pair
    table = pa.Table.from_pylist([pair._asdict() for pair in unique], schema=SCHEMA)
    said = {DATASET: dataset, SHA256: pairs_sha256(unique), DRAWN_BY: drawn_by}
    return table.replace_schema_metadata({name: text.encode() for name, text in said.items()})


def from_table(table: pa.Table) -> PairFile:
    """The pairs of a table that has all columns of SCHEMA."""
    pairs = [Pair(**row) for row in table.select(SCHEMA.names).cast(SCHEMA).to_pylist()]
    said = {name: text.decode() for name, text in (table.schema.metadata or {}).items() if name in METADATA}
    unchanged = said.get(SHA256) == pairs_sha256(pairs)
    return PairFile(pairs, said.get(DATASET) or None, said.get(DRAWN_BY, "") if unchanged else "")


def read_pairs(path: Path) -> PairFile:
    """Pairs of a file, with what it says of them.

    Raises:
        WrongUseError: not a Parquet or CSV file of pairs.
    """
    if not path.is_file():
        raise WrongUseError(f"{path}: no such pair file; make one with `reenactory pairs`")
    try:
        table = _read_csv(path) if path.suffix.lower() == ".csv" else pq.read_table(path)
    except UNREADABLE as error:
        raise WrongUseError(f"{path}: not a pair file ({complaint(error)})") from error
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise WrongUseError(f"{path}: not a pair file, column(s) {', '.join(missing)} missing")
    try:
        found = from_table(table)
    except UNREADABLE as error:
        raise WrongUseError(f"{path}: a column has values of another kind ({complaint(error)})") from error
    if any(value is None for pair in found.pairs for value in pair[:-1]):
        raise WrongUseError(f"{path}: only the seed may be empty, and some row lacks another value")
    unknown = {pair.protocol for pair in found.pairs} - {"self", "cross"}
    if unknown:
        raise WrongUseError(f"{path}: protocols are self and cross, not {', '.join(sorted(map(str, unknown)))}")
    unsafe = sorted(repr(pair.pair_id) for pair in found.pairs if not _is_file_name(pair.pair_id))
    if unsafe:
        raise WrongUseError(
            f"{path}: pair ids become file names; no slash, control character or leading dot, at most "
            f"150 bytes; not so: {unsafe[0][:200]}"
        )
    if twice := _named_alike(found.pairs):
        raise WrongUseError(f"{path}: two different pairs have the id {twice[:200]!r}, or ids that look the same")
    return found


def _is_file_name(pair_id: str) -> bool:
    return PAIR_ID.fullmatch(pair_id) is not None and len(pair_id.encode()) <= MOST_ID_BYTES


def _named_alike(pairs: Sequence[Pair]) -> str | None:
    """An id that two pairs have; as file names, a composed and a decomposed letter may be one."""
    known: dict[str, Pair] = {}
    for pair in pairs:
        first = known.setdefault(unicodedata.normalize("NFC", pair.pair_id), pair)
        if first[:-1] != pair[:-1]:
            return pair.pair_id
    return None


def _read_csv(path: Path) -> pa.Table:
    from pyarrow import csv

    return csv.read_csv(path)
