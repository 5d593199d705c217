"""The tables of a scored run: every score, and the aggregates."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from reenactory.flows.run_files import run_path
from reenactory.flows.workplace import Workplace
from reenactory.infra.records import artefact_path
from reenactory.infra.store import Store
from reenactory.infra.tables import get_table, put_table
from reenactory.tasks.aggregate import AGGREGATES, SCORES, Features, PairInfo, aggregate, pooled_fid
from reenactory.tasks.pairs import Pair
from reenactory.tasks.rendering import ClipRow
from reenactory.tasks.runner import decode
from reenactory.tasks.scoring import Rendered, Scoring


def write_results(place: Workplace, run: str, jobs: Scoring, scored: Sequence[Rendered]) -> dict[str, str]:
    """Write scores.parquet and aggregates.parquet of the run; returns where they and the report are, by name."""
    with TemporaryDirectory() as cache:
        reader = _Reader(place.store, jobs, Path(cache))
        scores = pa.concat_tables([SCORES.empty_table(), *(reader.scores(run, item) for item in scored)])
        info = {item.pair.pair_id: _info(item.pair, jobs.clips) for item in scored}
        by_name = {(item.renderer, item.pair.pair_id): item for item in scored}
        lines = aggregate(scores, info) if scored else []
        lines += pooled_fid(list(by_name), info, lambda renderer, pair: reader.features(by_name[renderer, pair]))
    lines.sort(key=lambda line: tuple(str(line[name]) for name in ("protocol", "metric", "definition", "renderer")))
    put_table(place.store, run_path(run, "scores.parquet"), scores)
    put_table(place.store, run_path(run, "aggregates.parquet"), pa.Table.from_pylist(lines, schema=AGGREGATES))
    names = ("scores.parquet", "aggregates.parquet", "report.html")
    return {name.split(".")[0]: f"{place.store.uri}/{run_path(run, name)}" for name in names}


def _info(pair: Pair, clips: Mapping[str, ClipRow]) -> PairInfo:
    return PairInfo(pair.protocol, str(clips[pair.source_clip]["identity"]))


class _Reader:
    """Reads what scoring made."""

    def __init__(self, store: Store, jobs: Scoring, cache: Path) -> None:
        self._store, self._jobs, self._cache = store, jobs, cache

    def scores(self, run: str, item: Rendered) -> pa.Table:
        score = self._jobs.chain(item)[-1]
        table = get_table(self._store, artefact_path("score", score.keys[0], "scores.parquet"))
        names = {"run": run, "renderer": item.renderer, "pair_id": item.pair.pair_id}
        for position, (name, value) in enumerate(names.items()):
            table = table.add_column(position, name, pa.array([value] * table.num_rows, pa.string()))
        return table.cast(SCORES)

    def features(self, item: Rendered) -> Features:
        looking = self._jobs.chain(item)[1]
        valid = self._array(item.stage, item.key, "valid.npy")
        real = self._array("features", self._jobs.driving_features(item.pair), "inception.npy")
        generated = self._array("features", looking.keys[0], "inception.npy")
        return Features(real[valid], generated[valid])

    def _array(self, stage: str, key: str, name: str) -> np.ndarray:
        return np.asarray(decode(self._store.local_path(artefact_path(stage, key, name), self._cache)))
