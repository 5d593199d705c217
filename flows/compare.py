"""Two runs on the pairs they share: paired differences with intervals, metric by metric."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from reenactory.flows.run_files import read_run_pairs, run_path
from reenactory.infra.store import Store, open_store
from reenactory.models.metrics.bootstrap import PairedDifference, paired_bootstrap
from reenactory.models.metrics.registry import PLACE, lookup
from reenactory.tasks.aggregate import SEED
from reenactory.tasks.cautions import drop_caution, identity_caution
from reenactory.tasks.crop_mode import require_one_mode
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.rendering import ClipRow, clip_rows

NAMES = ("renderer", "metric", "definition")


class Line(NamedTuple):
    """One metric of one renderer of each run, on what both have. Only equal definitions are compared."""

    protocol: str
    metric: str
    definition: str
    renderer_a: str
    renderer_b: str
    mean_a: float
    mean_b: float
    paired: PairedDifference

    @property
    def verdict(self) -> str:
        """Which is better; an interval that holds zero shows no difference, and none without an interval."""
        gap = self.paired.difference
        if np.isnan(gap.ci_low):
            return "no interval"
        if gap.ci_low <= 0.0 <= gap.ci_high:
            return "no difference shown"
        return "A better" if (gap.mean > 0) == (lookup(self.metric).direction == "higher") else "A worse"

    @property
    def cautions(self) -> str:
        """Why the line should not be believed too quickly; empty where nothing is known."""
        gap = self.paired.difference
        found = [identity_caution(gap.n_clusters), drop_caution(gap.n, gap.n_dropped)]
        return ", ".join(caution for caution in found if caution)


class Group(NamedTuple):
    """Scores that can be compared with each other."""

    metric: str
    definition: str


def compare(store_uri: str, run_a: str, run_b: str) -> list[Line]:
    """Every renderer of A against every renderer of B (with one run given twice: against each other, once).

    One metric is in memory at a time: the scores of 10,000 pairs are tens of millions of rows.

    Raises:
        WrongUseError: a run has no scores, a metric is not known to this version, the two share no pair, or their
            clips are of different crop modes.
    """
    store = open_store(store_uri)
    with TemporaryDirectory() as folder:
        first, second = (_Scores(store, run, Path(folder)) for run in (run_a, run_b))
        sources = _sources(store, run_a), _sources(store, run_b)
        require_one_mode(clip for side in sources for _, clip in side.values())
        identities = {
            pair: (protocol, str(clip["identity"])) for side in sources for pair, (protocol, clip) in side.items()
        }
        lines: list[Line] = []
        for group in _shared(first, second):
            a, b = first.read(group), second.read(group)
            for name_a, name_b in _versus(a, b, run_a == run_b):
                both = a[name_a].merge(b[name_b], on=["pair_id", "frame"], suffixes=("_a", "_b"))
                lines += _lines(name_a, name_b, group, both, identities)
    if not lines:
        raise WrongUseError(f"runs {run_a!r} and {run_b!r} share no pair and metric: render both from one pair file")
    return sorted(lines, key=lambda line: (line.protocol != "self", line.renderer_a, line.renderer_b))


def _shared(first: "_Scores", second: "_Scores") -> list["Group"]:
    both = {Group(*name[1:]) for name in first.names} & {Group(*name[1:]) for name in second.names}
    unknown = sorted(group.metric for group in both if group.metric not in PLACE)
    if unknown:
        raise WrongUseError(f"this version does not know the metric {unknown[0]!r}, nor which way of it is better")
    return sorted(both, key=lambda group: (PLACE[group.metric], group))


class _Scores:
    """The scores of a run, read a metric at a time."""

    def __init__(self, store: Store, run: str, folder: Path) -> None:
        path = run_path(run, "scores.parquet")
        if not store.exists(path):
            raise WrongUseError(f"run {run!r} has no scores in {store.uri}; make them with `reenactory evaluate`")
        self._path = store.local_path(path, folder)
        self.names = self._names()

    def _names(self) -> set[tuple[str, str, str]]:
        """Renderer, metric and definition, as far as they occur."""
        found: set[tuple[str, str, str]] = set()
        for batch in pq.ParquetFile(self._path, read_dictionary=NAMES).iter_batches(columns=list(NAMES)):
            found |= set(batch.to_pandas().drop_duplicates().itertuples(index=False, name=None))
        return found

    def read(self, group: Group) -> dict[str, pd.DataFrame]:
        """Pair, frame and value by renderer."""
        where = [("metric", "=", group.metric), ("definition", "=", group.definition)]
        columns = ["renderer", "pair_id", "frame", "value"]
        scores = pq.read_table(self._path, columns=columns, filters=where).to_pandas()
        return {str(name): rows for name, rows in scores.groupby("renderer", sort=True)}


def _versus(a: dict[str, pd.DataFrame], b: dict[str, pd.DataFrame], same: bool) -> Iterator[tuple[str, str]]:
    for name_a in a:
        for name_b in b:
            if not same or name_a < name_b:
                yield name_a, name_b


def _sources(store: Store, run: str) -> dict[str, tuple[str, ClipRow]]:
    """Protocol and source clip by pair."""
    pairs, dataset = read_run_pairs(store, run)
    clips = clip_rows(read_clips(store, dataset))
    gone = sorted({pair.source_clip for pair in pairs} - set(clips))
    if gone:
        raise WrongUseError(f"dataset {dataset!r} no longer has clip {gone[0]} of run {run!r}: preprocess it again")
    return {pair.pair_id: (pair.protocol, clips[pair.source_clip]) for pair in pairs}


def _lines(
    name_a: str, name_b: str, group: Group, both: pd.DataFrame, identities: dict[str, tuple[str, str]]
) -> Iterator[Line]:
    known = both["pair_id"].map(identities)
    both = both.assign(protocol=known.str[0], identity=known.str[1])
    for protocol, rows in both.groupby("protocol", sort=True):
        a, b = rows["value_a"].to_numpy(np.float64), rows["value_b"].to_numpy(np.float64)
        people, pairs = rows["identity"].tolist(), rows["pair_id"].tolist()
        paired = paired_bootstrap(a, b, people, pairs, direction=lookup(group.metric).direction, seed=SEED)
        kept = ~(np.isnan(a) | np.isnan(b))
        mean_a, mean_b = (float(side[kept].mean()) if kept.any() else np.nan for side in (a, b))
        yield Line(str(protocol), *group, name_a, name_b, mean_a, mean_b, paired)
