"""Removing a person: every artefact, row and record that derives from them, in all datasets and runs of a store."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

import pyarrow as pa
from pydantic import JsonValue

from reenactory.infra.digests import DIGEST_TABLE
from reenactory.infra.index_parts import rewrite
from reenactory.infra.keys import digest
from reenactory.infra.lineage import Lineage
from reenactory.infra.receipts import drop_receipts
from reenactory.infra.records import RECORD_NAME
from reenactory.infra.sources import identity_of
from reenactory.infra.store import DamagedObject, Store
from reenactory.infra.tables import folder_of, get_table, put_table, table_bytes
from reenactory.infra.upkeep import ARTEFACTS
from reenactory.tasks.errors import WrongUseError

CLIP_COLUMNS = ("clip_id", "source_clip", "driving_clip")
KEY_COLUMNS = ("crop_key", "matte_key", "face3d_key", "render_key")
SEARCHED = {"identity", "pair_id", "item", "uri", *CLIP_COLUMNS, *KEY_COLUMNS}
PAIRS = "/pairs.parquet"
SUMMED = ("aggregates.parquet", "table.csv", "table.tex")  # of a run: nobody is named, everybody is in the numbers
FORGOTTEN = "(forgotten)"
OURS = {"run", "flow", "store", "dataset", "outputs", "versions"}  # of a summary or plan: names of the user's choice

Row = dict[str, object]


@dataclass
class Traces:
    """What is known of a person: names and keys by which their data can be found."""

    identity: str
    clips: set[str] = field(default_factory=set)
    videos: dict[str, str] = field(default_factory=dict)  # sha256 by uri
    others: set[str] = field(default_factory=set)  # crop keys of other people in the same videos
    pairs: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)  # of artefacts that derive from the person

    def is_theirs(self, identity: object) -> bool:
        """The identity, or one of several faces of its videos (`_f` and a number)."""
        return re.fullmatch(rf"{re.escape(self.identity)}(_f\d+)?", str(identity)) is not None

    def in_row(self, row: Row) -> bool:
        """Whether a row of any table of the store tells of the person."""
        item = str(row.get("item"))
        return (
            self.is_theirs(row.get("identity"))
            or any(row.get(name) in self.clips for name in CLIP_COLUMNS)
            or any(row.get(name) in self.keys for name in KEY_COLUMNS)
            or row.get("pair_id") in self.pairs
            or item in self.clips
            or item.rpartition("/")[2] in self.pairs
            or row.get("uri") in self.videos
        )

    def in_name(self, name: str) -> bool:
        """Whether a file of a run is of one of their pairs: PAIR__RENDERER and a suffix."""
        return any(name[: found.start()] in self.pairs for found in re.finditer("(?=__)", name))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds the person's names in a text, as whole words."""
        names = {self.identity, *self.clips, *self.pairs, *self.videos, *self.videos.values()}
        return re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)))


@dataclass
class Removed:
    """What `forget` removed, or would remove."""

    artefacts: Counter[str] = field(default_factory=Counter)  # by stage
    rows: Counter[str] = field(default_factory=Counter)  # by folder
    files: list[str] = field(default_factory=list)  # reports, aggregates and videos of runs
    edited: list[str] = field(default_factory=list)  # summaries and plans that named them
    bytes: int = 0
    videos: list[str] = field(default_factory=list)  # the user's own files, which are not touched


def forget(store: Store, identity: str, dry_run: bool = False) -> Removed:
    """Remove a person from a store. No run may be under way in it: it would write again what it remembers.

    Where a video shows other people too, their clips stay; what tells of the whole video (its detections and tracks)
    goes. A run that showed the person loses its aggregates and its report: evaluate it again. What is needed to find
    the rest goes last, so that a call that was broken off can be made again.

    Raises:
        WrongUseError: nothing in the store is of that identity.
    """
    traces = find_traces(store, identity)
    lineage = Lineage(store)
    seeds = [*sorted(set(traces.videos.values())), *sorted(traces.keys)]
    doomed = list(lineage.descendants(seeds, traces.others))
    traces.keys.update(key for _, key in doomed)
    removed = Removed(videos=sorted(traces.videos))
    eraser = _Eraser(store, removed, dry_run)
    for stage, key in reversed(doomed):  # children first: their parents lead to them
        eraser.artefact(stage, key)
    if not dry_run:
        drop_receipts(store)  # they name clips
        for stage in removed.artefacts:
            rewrite(store, stage, traces.keys)
    for path in sorted(store.list("runs/"), key=lambda path: path.endswith(PAIRS)):
        eraser.run_file(path, traces)
    for path in [*store.list("datasets/"), *store.list(DIGEST_TABLE)]:
        eraser.table(path, traces)
    return removed


def find_traces(store: Store, identity: str) -> Traces:
    """Names and keys of a person, from the tables of all datasets and runs."""
    traces = Traces(identity)
    tables = [path for path in store.list("datasets/") if folder_of(path) == "clips"]
    for row in _rows(store, tables):
        if traces.is_theirs(row["identity"]):
            traces.clips.add(str(row["clip_id"]))
            traces.keys |= {str(row[name]) for name in KEY_COLUMNS if row.get(name)}
            if row["video_uri"]:
                traces.videos[str(row["video_uri"])] = str(row["video_sha256"])
    for row in _rows(store, list(store.list(DIGEST_TABLE))):  # of a run that was killed before it wrote a table
        if identity_of(PurePosixPath(str(row["uri"]))) == identity:
            traces.videos[str(row["uri"])] = str(row["sha256"])
    if not traces.clips and not traces.videos:
        raise WrongUseError(f"nothing in {store.uri} is of identity {identity!r}; see the column identity of its clips")
    shared = set(traces.videos.values())
    for row in _rows(store, tables):
        if row["video_sha256"] in shared and row["crop_key"] and str(row["crop_key"]) not in traces.keys:
            traces.others.add(str(row["crop_key"]))
    for row in _rows(store, [path for path in store.list("runs/") if path.endswith(PAIRS)]):
        if traces.clips & {str(row["source_clip"]), str(row["driving_clip"])}:
            traces.pairs.add(str(row["pair_id"]))
    for row in _rows(store, [path for path in store.list("runs/") if folder_of(path) == "renders"]):
        if row["pair_id"] in traces.pairs and row["render_key"]:  # a video that was adopted has no clip above it
            traces.keys.add(str(row["render_key"]))
    return traces


class _Eraser:
    """Removes, or only counts what it would remove."""

    def __init__(self, store: Store, removed: Removed, dry_run: bool) -> None:
        self._store, self._removed, self._dry_run = store, removed, dry_run

    def artefact(self, stage: str, key: str) -> None:
        files = list(self._store.look(f"{ARTEFACTS}{stage}/{key[:2]}/{key}/"))
        self._removed.artefacts[stage] += bool(files)
        self._removed.bytes += sum(file.bytes for file in files)
        for file in sorted(files, key=lambda file: file.path.endswith(RECORD_NAME)):  # the record leads to them
            self._delete(file.path)

    def run_file(self, path: str, traces: Traces) -> None:
        run, name = path.split("/")[1], path.rpartition("/")[2]
        if name in SUMMED and self._touched(run, traces):
            self._file(path)
        elif name.endswith(".parquet"):
            self.table(path, traces)
        elif traces.in_name(name) or (name.endswith(".html") and self._told_in(path, traces)):
            self._file(path)
        elif name.endswith(".json"):
            self._json(path, traces)

    def table(self, path: str, traces: Traces) -> None:
        table = get_table(self._store, path)
        keep = [not traces.in_row(row) for row in _searched(table).to_pylist()]
        if all(keep):
            return
        self._removed.rows[path.rpartition("/")[0]] += keep.count(False)
        if not self._dry_run:
            self._replace(path, table.filter(pa.array(keep)))

    def _replace(self, path: str, table: pa.Table) -> None:
        folder, _, name = path.rpartition("/")
        if not name.startswith("part-"):
            put_table(self._store, path, table)
            return
        # A part is named by its content, and a later run takes a name that is there for the content.
        if table.num_rows:
            put_table(self._store, f"{folder}/part-{digest(table_bytes(table).hex())}.parquet", table)
        self._store.delete(path)

    def _json(self, path: str, traces: Traces) -> None:
        try:
            before = json.loads(self._store.get(path))
        except ValueError:
            raise DamagedObject(path, self._store.uri, "who is named in it is not known; remove it") from None
        after = _without(before, traces.pattern)
        if after != before:
            self._removed.edited.append(path)
            if not self._dry_run:
                self._store.put(path, json.dumps(after, indent=1).encode())

    def _touched(self, run: str, traces: Traces) -> bool:
        rows = _rows(self._store, list(self._store.list(f"runs/{run}/pairs.parquet")))
        return any(row["pair_id"] in traces.pairs for row in rows) or self._told_in(f"runs/{run}/report.html", traces)

    def _told_in(self, path: str, traces: Traces) -> bool:
        page = self._store.get(path).decode(errors="replace") if self._store.exists(path) else ""
        return traces.pattern.search(page) is not None

    def _file(self, path: str) -> None:
        self._removed.files.append(path)
        self._delete(path)

    def _delete(self, path: str) -> None:
        if not self._dry_run:
            self._store.delete(path)


def _searched(table: pa.Table) -> pa.Table:
    """Only the columns by which a row is judged: the table of frames is wide."""
    return table.select([name for name in table.column_names if name in SEARCHED])


def _rows(store: Store, paths: Iterable[str]) -> Iterator[Row]:
    for path in paths:
        if path.endswith(".parquet"):
            yield from get_table(store, path).to_pylist()


def _without(value: JsonValue, pattern: re.Pattern[str]) -> JsonValue:
    """A JSON value without the texts that match: gone from lists, crossed out elsewhere."""
    if isinstance(value, str):
        return FORGOTTEN if pattern.search(value) else value
    if isinstance(value, list):
        left = [_without(part, pattern) for part in value]
        return [part for part in left if part != FORGOTTEN]
    if isinstance(value, dict):
        return {name: part if name in OURS else _without(part, pattern) for name, part in value.items()}
    return value
