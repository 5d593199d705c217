"""The one runner: loads, times and saves for all stages alike. It lives in a worker and keeps its models."""

import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import overload

import numpy as np
import pyarrow.parquet as pq

from reenactory.infra.records import Record, artefact_path, write_artefact
from reenactory.infra.settings import Settings
from reenactory.infra.sources import local_copy
from reenactory.infra.store import Store, open_store
from reenactory.infra.video import ReadSpec, VideoFault, read_frames
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import ArtefactRef, ArtefactsRef, Chain, Job, Ref, Runtime, SourceRef, Stage, get_stage

Loaded = object  # what a reference decodes to


class StageWorker:
    """Processes chains one after another, with every model loaded once; a second thread may decode ahead."""

    def __init__(self, store_uri: str, runtime: Runtime) -> None:
        self._store = open_store(store_uri)
        self._runtime = runtime
        self._models: dict[tuple[str, str], object] = {}
        self._compute = threading.Lock()
        _limit_threads(runtime.threads)
        self._scratch = _own_scratch()

    def process(self, chain: Chain) -> list[Record]:
        """Records of all keys of the chain's jobs, up to and including the first job with nothing made."""
        desk = Desk(self._store, _new_folder(self._scratch))
        try:
            for ref in chain[0].inputs.values():
                desk.load(ref)  # outside the lock: this is the decode-ahead
            with self._compute:
                return self._work(chain, desk)
        finally:
            shutil.rmtree(desk.scratch, ignore_errors=True)

    def _work(self, chain: Chain, desk: "Desk") -> list[Record]:
        records: list[Record] = []
        for job in chain:
            made = self._run(job, desk)
            records += made
            if all(record.outcome == "rejected" for record in made):
                break
        return records

    def _run(self, job: Job, desk: "Desk") -> list[Record]:
        stage = get_stage(job.stage)
        models = self._load(stage, job)
        inputs = {name: desk.load(ref) for name, ref in job.inputs.items()}
        scratch = desk.new_folder()
        extra = {"per_key": job.per_key} if job.per_key else {}
        item = stage.Item(scratch=scratch, **job.fields, **inputs, **extra)
        started = time.perf_counter()
        outcomes: Sequence[Outcome]
        try:
            outcomes = stage.run(item, job.params, models)
        except VideoFault as fault:
            outcomes = [Rejected(Reason(fault.code), fault.detail)] * len(job.keys)
        seconds = time.perf_counter() - started
        if len(outcomes) != len(job.keys):
            raise RuntimeError(f"stage {job.stage} on {job.label}: {len(job.keys)} keys but {len(outcomes)} outcomes")
        records = [save(self._store, job, i, outcome, seconds / len(outcomes)) for i, outcome in enumerate(outcomes)]
        shutil.rmtree(scratch, ignore_errors=True)
        return records

    def _load(self, stage: Stage, job: Job) -> object:
        slot = (job.stage, job.params.model_dump_json())
        if slot not in self._models:
            self._models[slot] = stage.load(job.params, self._runtime)
        return self._models[slot]


@dataclass
class Desk:
    """The decoded inputs of one chain: what two of its stages read is decoded once."""

    store: Store
    scratch: Path
    _loaded: dict[Ref, Loaded] = field(default_factory=dict)

    def load(self, ref: Ref) -> Loaded:
        if ref not in self._loaded:
            self._loaded[ref] = self._read(ref)
        return self._loaded[ref]

    def _read(self, ref: Ref) -> Loaded:
        match ref:
            case SourceRef():
                return local_copy(ref.uri, self.new_folder())
            case ArtefactsRef():
                return Decoded(self.store, self.scratch, ref.refs)
            case ArtefactRef():
                return read_artefact(self.store, ref, self.scratch)

    def new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.scratch))


class Decoded(Sequence[Loaded]):
    """What many references decode to, one at a time; nothing is kept, neither in memory nor on disk."""

    def __init__(self, store: Store, scratch: Path, refs: Sequence[ArtefactRef]) -> None:
        self._store, self._scratch, self._refs = store, scratch, refs

    def __len__(self) -> int:
        return len(self._refs)

    @overload
    def __getitem__(self, place: int) -> Loaded: ...

    @overload
    def __getitem__(self, place: slice) -> "Decoded": ...

    def __getitem__(self, place: int | slice) -> Loaded:
        if isinstance(place, slice):
            return Decoded(self._store, self._scratch, self._refs[place])
        with TemporaryDirectory(dir=self._scratch) as folder:
            return read_artefact(self._store, self._refs[place], Path(folder))


def read_artefact(store: Store, ref: ArtefactRef, cache: Path) -> Loaded:
    """What a reference decodes to; a remote store's file is first copied into `cache`."""
    return decode(store.local_path(artefact_path(ref.stage, ref.key, ref.name), cache), ref.start, ref.count)


def decode(path: Path, start: int = 0, count: int | None = None) -> Loaded:
    """What a stage gets for a file: see `ArtefactRef`. `start` and `count` select frames, or rows."""
    stop = None if count is None else start + count
    match path.suffix:
        case ".mp4":
            return read_frames(path, ReadSpec(start_frame=start, frame_count=count))
        case ".mkv":
            return read_frames(path, ReadSpec(start_frame=start, frame_count=count, pixel_format="gray"))
        case ".parquet":
            return pq.read_table(path).slice(start, count)
        case ".npy":
            return np.load(path, allow_pickle=False)[start:stop]
    raise ValueError(f"{path.name}: no decoder for {path.suffix!r} files; known: .mp4 .mkv .parquet .npy")


def save(store: Store, job: Job, index: int, outcome: Outcome, seconds: float) -> Record:
    """Write one outcome of a job under its key: the files, then the record."""
    common = Record(
        key=job.keys[index],
        stage=job.stage,
        version=get_stage(job.stage).VERSION,
        params=job.params.model_dump(mode="json"),
        upstream=job.upstream[index],
        weights=job.weights,
        outcome="done" if isinstance(outcome, Made) else "rejected",
        seconds=round(seconds, 4),
    )
    if isinstance(outcome, Made):
        record = common.model_copy(update={"facts": dict(outcome.facts), "frames": outcome.frames})
        return write_artefact(store, record, outcome.files)
    record = common.model_copy(update={"reason": outcome.reason.value, "detail": outcome.detail})
    return write_artefact(store, record, {})


def _own_scratch() -> Path:
    """This process's folder for scratch files. The settings are read once: to read them costs 0.6 ms."""
    root = Settings().cache_folder / "scratch"
    _sweep(root)
    return root / f"{platform.node()}+{os.getpid()}"


def _new_folder(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)  # whoever empties the cache may take it away
    return Path(tempfile.mkdtemp(dir=root))


def _sweep(root: Path) -> None:
    """Remove what killed processes of this machine have left; a cache on a shared disk holds those of others too."""
    for folder in root.glob("*+*"):
        machine, _, process = folder.name.rpartition("+")
        if machine == platform.node() and Path("/proc/self").exists() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _limit_threads(threads: int) -> None:
    """OpenCV and torch take every core unless told: on two cores two such workers were 3.7 times slower."""
    import cv2

    cv2.setNumThreads(threads)
