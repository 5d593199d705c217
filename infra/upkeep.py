"""Looking after a store: what killed runs left in it, and whether its records tell the truth."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from reenactory.infra.index import RecordIndex
from reenactory.infra.index_parts import rewrite
from reenactory.infra.keys import file_sha256
from reenactory.infra.records import RECORD_NAME, FileStamp, parse_record
from reenactory.infra.store import Found, MissingObject, Store

ARTEFACTS = "artefacts/"
AT_ONCE = 16  # artefacts read side by side, where each is a round trip


class Leftovers(NamedTuple):
    """What `collect_garbage` found."""

    orphans: list[Found]  # files of artefacts that have no record
    unfinished: list[Found]  # temporary files, multipart uploads
    stale: dict[str, set[str]]  # by stage: keys that the index has and no record
    spared: int  # files without a record, and unfinished ones, that are too young to judge


class Artefact(NamedTuple):
    """The files under one key, as listed."""

    folder: str  # ends with a slash
    files: dict[str, Found]  # by name

    @property
    def stage(self) -> str:
        return self.folder.split("/")[1]

    @property
    def key(self) -> str:
        return self.folder.split("/")[-2]

    @property
    def recorded(self) -> bool:
        return RECORD_NAME in self.files


class Fault(NamedTuple):
    """An artefact that is not what its record says, and where that record is."""

    record_path: str
    problem: str


def artefacts(store: Store, stage: str = "") -> Iterator[Artefact]:
    """Every artefact of a store, or of one stage, with a record or without."""
    listed = store.look(f"{ARTEFACTS}{stage}/" if stage else ARTEFACTS)
    for folder, found in groupby(listed, lambda one: one.path.rpartition("/")[0] + "/"):
        yield Artefact(folder, {one.path.removeprefix(folder): one for one in found})


def collect_garbage(store: Store, stages: Sequence[str], older_than_s: float, delete: bool) -> Leftovers:
    """Find, and with `delete` remove, what killed runs have left.

    A run writes the files of an artefact first and its record last, within minutes: an artefact with any file younger
    than `older_than_s` is left alone, and so is a young unfinished file.
    """
    limit = time.time() - older_than_s
    found = Leftovers([], [], {}, 0)
    for stage in stages:
        # Entries are read before records: one that is added in between has its record in the listing.
        indexed = {entry.key for entry in RecordIndex(store).entries(stage)}
        for artefact in artefacts(store, stage):
            if artefact.recorded:
                indexed.discard(artefact.key)
            elif _old(artefact, limit):
                found.orphans.extend(artefact.files.values())
            else:
                found = found._replace(spared=found.spared + len(artefact.files))
        if indexed:
            found.stale[stage] = indexed
    for left in store.unfinished(ARTEFACTS):
        if left.modified <= limit:
            found.unfinished.append(left)
        else:
            found = found._replace(spared=found.spared + 1)
    if delete:
        _delete(store, found, limit)
    return found


def _delete(store: Store, found: Leftovers, limit: float) -> None:
    for folder in sorted({orphan.path.rpartition("/")[0] + "/" for orphan in found.orphans}):
        # Looked at once more: a run may have taken the same artefact up again since it was listed.
        files = {one.path: one for one in store.look(folder)}
        if _old(Artefact(folder, files), limit) and folder + RECORD_NAME not in files:
            for path in files:
                store.delete(path)
    for left in found.unfinished:
        store.discard(left)
    for stage, keys in found.stale.items():
        rewrite(store, stage, keys)


def _old(artefact: Artefact, limit: float) -> bool:
    return all(file.modified <= limit for file in artefact.files.values())


def faults(store: Store, stages: Sequence[str], sizes_only: bool = False) -> Iterator[Fault | None]:
    """For every record None, or what is wrong: it cannot be read, a file is missing, or has another size or sha256.

    With `sizes_only` no file is read, only the records.
    """
    with TemporaryDirectory() as cache, ThreadPoolExecutor(AT_ONCE if store.remote else 1) as threads:
        for stage in stages:
            recorded = (artefact for artefact in artefacts(store, stage) if artefact.recorded)
            while batch := list(islice(recorded, AT_ONCE)):
                yield from threads.map(lambda artefact: _fault(store, artefact, Path(cache), sizes_only), batch)


def remove_records(store: Store, paths: Sequence[str]) -> None:
    """Take records away, and what the index says of them: on a remote store it would be believed."""
    by_stage: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        _, stage, _, key, _ = path.split("/")  # artefacts/stage/ke/key/_DONE.json
        by_stage[stage].add(key)
        store.delete(path)
    for stage, keys in by_stage.items():
        rewrite(store, stage, keys)


def _fault(store: Store, artefact: Artefact, cache: Path, sizes_only: bool) -> Fault | None:
    path = artefact.folder + RECORD_NAME
    try:
        record = parse_record(store.get(path))
    except MissingObject:
        return None  # removed since it was listed: nothing is claimed any more
    if record is None:
        return Fault(path, "the record is damaged")
    if (record.stage, record.key) != (artefact.stage, artefact.key):
        return Fault(path, f"the record is that of {record.stage} {record.key}")
    for name, stamp in record.files.items():
        if problem := _problem(store, artefact, name, stamp, None if sizes_only else cache):
            return Fault(path, problem)
    return None


def _problem(store: Store, artefact: Artefact, name: str, stamp: FileStamp, cache: Path | None) -> str | None:
    found = artefact.files.get(name)
    if found is None:
        return f"{name} is missing"
    if found.bytes != stamp.bytes:
        return f"{name} has {found.bytes} bytes, the record says {stamp.bytes}"
    if cache is None:
        return None
    try:
        local = store.local_path(found.path, cache)
    except MissingObject:
        return f"{name} is missing"
    digest = file_sha256(local)
    if store.remote:
        local.unlink()
    return None if digest == stamp.sha256 else f"{name} has another sha256 than the record says"
