"""What the report is made of: the tables of a run and of its dataset, and the artefacts behind them."""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reenactory.infra.records import Record, artefact_path, read_record
from reenactory.infra.store import MissingObject, Store
from reenactory.infra.tables import get_table
from reenactory.infra.video import read_frames_at
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.pairs import Pair, from_table, pairs_sha256
from reenactory.tasks.rendering import ClipRow
from reenactory.tasks.report.format import decimals_for
from reenactory.tasks.results.reference import FLOOR
from reenactory.tasks.score import Params as ScoreParams
from reenactory.tasks.scoring import Rendered, Scoring

RenderRow = dict[str, str | None]  # a row of RENDERS
Mean = dict[tuple[str, str, str], float]  # (renderer, pair_id, metric) -> mean over frames that were not dropped


@dataclass(frozen=True)
class RunData:
    """The tables of one run, read once. `clips` has the rejected rows too."""

    store_uri: str
    run: str
    dataset: str
    pairs_sha256: str
    drawn_by: str  # protocol, seed and limits; empty: the pair file does not say
    pairs: list[Pair]
    clips: list[ClipRow]
    renders: list[RenderRow]
    pair_scores: pa.Table  # of a metric and a render each
    aggregates: list[dict[str, object]]  # over all frames
    binned: list[dict[str, object]]  # the same over the frames of a bin each

    @cached_property
    def renderers(self) -> list[str]:
        """Names in the order of the report's columns: the floor first, then by name."""
        names = {str(row["renderer"]) for row in self.renders} | {str(row["renderer"]) for row in self.aggregates}
        return sorted(names, key=lambda name: (name != FLOOR, name))

    @cached_property
    def clip(self) -> dict[str, ClipRow]:
        return {str(row["clip_id"]): row for row in self.clips if row["outcome"] == "done"}

    @cached_property
    def render(self) -> dict[tuple[str, str], RenderRow]:
        return {(str(row["renderer"]), str(row["pair_id"])): row for row in self.renders}

    @cached_property
    def mean(self) -> Mean:
        columns = (self.pair_scores[name].to_pylist() for name in ("renderer", "pair_id", "metric", "value"))
        return {(a, b, c): value for a, b, c, value in zip(*columns, strict=True) if value is not None}

    @cached_property
    def decimals(self) -> dict[str, int]:
        """Of the means per pair, by metric: one number for the page, so that columns line up."""
        values: dict[str, list[float | None]] = defaultdict(list)
        for (_, _, metric), value in self.mean.items():
            values[metric].append(value)
        return {metric: decimals_for(known) for metric, known in values.items()}

    def fitted_key(self, row: RenderRow, pair: Pair) -> str:
        """Key of the face3d artefact of a render."""
        return self.scoring.chain(_rendered(row, pair))[0].keys[0]

    def score_key(self, row: RenderRow, pair: Pair) -> str:
        """Key of the score artefact of a render."""
        return self.scoring.chain(_rendered(row, pair))[-1].keys[0]

    @cached_property
    def scoring(self) -> Scoring:
        """The jobs that scored the run: its metrics say which knobs they had."""
        metrics = {line["metric"] for line in self.aggregates}
        return Scoring(self.clip, ScoreParams(lpips_vgg="lpips_vgg" in metrics))


def _rendered(row: RenderRow, pair: Pair) -> Rendered:
    return Rendered(pair, str(row["renderer"]), str(row["stage"]), str(row["render_key"]))


def read_run(store: Store, run: str) -> RunData:
    """Everything that `reenactory evaluate` has written of the run."""
    listed = from_table(get_table(store, f"runs/{run}/pairs.parquet"))
    dataset = listed.dataset or ""
    aggregates = get_table(store, f"runs/{run}/aggregates.parquet").to_pylist()
    tables = [path for path in store.list(f"runs/{run}/renders/") if path.endswith(".parquet")]
    return RunData(
        store_uri=store.uri,
        run=run,
        dataset=dataset,
        pairs_sha256=pairs_sha256(listed.pairs),
        drawn_by=listed.drawn_by,
        pairs=listed.pairs,
        clips=read_clips(store, dataset, done_only=False).to_pylist(),
        renders=[row for path in tables for row in get_table(store, path).to_pylist()],
        pair_scores=get_table(store, f"runs/{run}/pair_scores.parquet"),
        aggregates=[line for line in aggregates if line["bin_by"] is None],
        binned=[line for line in aggregates if line["bin_by"] is not None],
    )


def clip_rate(clip: ClipRow) -> Fraction:
    """Frames per second."""
    return Fraction(int(str(clip["fps_num"])), int(str(clip["fps_den"])))


@dataclass(frozen=True)
class Artefacts:
    """Reads single artefacts. What the store no longer has is None: the report then says so and goes on."""

    store: Store
    cache: Path

    def record(self, stage: str, key: object) -> Record | None:
        return read_record(self.store, stage, str(key)) if key else None

    def frames(self, stage: str, key: object, name: str, indices: list[int]) -> NDArray[np.uint8] | None:
        """Frames at `indices` of a video that this program wrote: (n, H, W, 3) uint8 RGB."""
        path = self._local(stage, key, name)
        return None if path is None else read_frames_at(path, indices)

    def table(self, stage: str, key: object, name: str) -> pa.Table | None:
        path = self._local(stage, key, name)
        return None if path is None else pq.read_table(path)

    def _local(self, stage: str, key: object, name: str) -> Path | None:
        if not key:
            return None
        try:
            return self.store.local_path(artefact_path(stage, str(key), name), self.cache)
        except MissingObject:
            return None
