"""Memory and time of closing a large run: FID and KID, tables, report and comparison, each in a process of its own.

    PYTHONPATH=tests/tasks python benchmarks/run_size.py [--pairs 1000 10000] [--steps pool tables report compare]

Half of the pairs are self, half cross, 100 frames each, rendered by two methods. Scores and features are real files
that 50 spans take turns with; 40 people are shown. The peak is the process's own, imports included.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from memory import megabytes
from synthetic_run import RUN, SyntheticRun

from reenactory.flows.compare import compare
from reenactory.flows.results import write_results
from reenactory.infra.index import RecordIndex
from reenactory.infra.keys import digest
from reenactory.infra.pool import InlinePool
from reenactory.infra.progress import Tally
from reenactory.infra.records import Record, write_artefact
from reenactory.infra.store import Store, open_store
from reenactory.infra.tables import get_table
from reenactory.models.metrics.registry import DEFINITIONS, definition_for
from reenactory.tasks.pairs import Pair, from_table
from reenactory.tasks.report import write_report
from reenactory.tasks.results.aggregate import PairInfo
from reenactory.tasks.results.pooling import Pooling, poolings
from reenactory.tasks.running.drive import Drive
from reenactory.tasks.running.runner import StageWorker
from reenactory.tasks.score import CONDITIONS, SCHEMA
from reenactory.tasks.scoring import Rendered, Scored
from reenactory.tasks.stage import Runtime

FRAMES, SPANS, PEOPLE = 100, 50, 40
RENDERERS = ("copy", "theirs")
STEPS = ("pool", "tables", "report", "compare")


def prepare(folder: Path, pairs: int) -> None:
    """The files of a run that was rendered and scored."""
    run = SyntheticRun(folder, pairs=pairs // 2)
    chance = np.random.default_rng(0)
    mixing = chance.gamma(0.3, 1.0, (64, 2048)) / 30
    for span in range(SPANS):
        for name in ("real", *RENDERERS):
            features = chance.gamma(0.5, 1.0, (FRAMES, 64)) @ mixing + chance.gamma(0.5, 0.02, (FRAMES, 2048))
            np.save(folder / "inception.npy", features.astype(np.float32))
            _put(run.store, folder, "features", f"{name} {span}", "inception.npy")
            _score(run.store, folder, f"{name} {span}", chance)


def _put(store: Store, folder: Path, stage: str, name: str, *files: str) -> None:
    record = Record(key=digest(name), stage=stage, version=1, params={}, upstream=(), weights={}, outcome="done")
    write_artefact(store, record, {file: folder / file for file in files})


def _score(store: Store, folder: Path, name: str, chance: np.random.Generator) -> None:
    columns = {"extractor": "e", "embedder": "f", "reference": "target"}
    tables = []
    for entry in DEFINITIONS:
        if entry.per != "set" and not entry.optional:
            frames = range(FRAMES) if entry.per == "frame" else [-1]
            known = {"metric": entry.name, "definition": definition_for(entry.name, **columns)}
            rows = [{"frame": frame, **known, "value": chance.gamma(2.0)} for frame in frames]
            tables.append(pa.Table.from_pylist(rows, schema=SCHEMA))
    pq.write_table(pa.concat_tables(tables), folder / "scores.parquet", compression="zstd")
    conditions = [
        {"frame": frame, "pose_gap": chance.gamma(20.0), "yaw": chance.gamma(10.0), "motion": chance.gamma(2.0)}
        for frame in (*range(FRAMES), -1)
    ]
    pq.write_table(pa.Table.from_pylist(conditions, schema=CONDITIONS), folder / "conditions.parquet")
    _put(store, folder, "score", name, "scores.parquet", "conditions.parquet")


def _scored(pair: Pair, renderer: str, span: int) -> Scored:
    """As if all frames of the span were rendered; the report's pictures are those of the pair's few."""
    render = Rendered(pair._replace(driving_count=FRAMES), renderer, "render", "")
    made = digest(f"{renderer} {span}")
    return Scored(render, made, made, digest(f"real {span}"), 0)


class Run:
    """What `evaluate` knows when all is scored."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(str(folder / "store"))
        pairs = from_table(get_table(self.store, f"runs/{RUN}/pairs.parquet")).pairs
        self.info = {pair.pair_id: PairInfo(pair.protocol, f"p{i % PEOPLE}") for i, pair in enumerate(pairs)}
        self.scored = [_scored(pair, name, i % SPANS) for name in RENDERERS for i, pair in enumerate(pairs)]

    @property
    def pooled(self) -> list[Pooling]:
        return list(poolings(self.scored, self.info))

    def pool(self) -> None:
        pool = InlinePool(lambda: StageWorker(self.store.uri, Runtime("cpu", 1)))
        ledger = Drive(self.store, RecordIndex(self.store), pool, Tally("")).run((one.job,) for one in self.pooled)
        pool.close()
        assert not ledger.failures, ledger.failures

    def tables(self) -> None:
        index = RecordIndex(self.store)
        made = [one for one in self.pooled if all(index.get("pool", key) for key in one.job.keys)]
        write_results(self.store, RUN, self.scored, self.info, made)

    def report(self) -> None:
        write_report(self.store, RUN)

    def compare(self) -> None:
        compare(self.store.uri, RUN, RUN)


def step(folder: Path, name: str) -> None:
    run = Run(folder)
    work: Callable[[], None] = getattr(run, name)
    before, started, cpu = megabytes("self"), time.perf_counter(), time.process_time()
    work()
    taken, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"  {name:9}{cpu:8.1f} s of CPU {taken:8.1f} s {megabytes('self'):8.0f} MB at the peak, {before:.0f} before")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--steps", nargs="*", default=STEPS, choices=STEPS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.case:
        folder, name = json.loads(chosen.case)
        step(Path(folder), name)
        return
    for pairs in chosen.pairs:
        folder = Path(tempfile.mkdtemp(prefix="run-size-"))
        try:
            prepare(folder, pairs)
            print(f"{pairs:,} pairs of {FRAMES} frames, {len(RENDERERS)} renderers", flush=True)
            for name in chosen.steps:
                subprocess.run([sys.executable, __file__, "--case", json.dumps([str(folder), name])], check=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
