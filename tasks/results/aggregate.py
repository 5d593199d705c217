"""aggregate: scores of a run, render after render -> one line per renderer, protocol, metric and bin."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reenactory.models.metrics.means import ClusterSums, Interval
from reenactory.tasks.results.bins import BINNINGS

SEED = 0  # of the bootstrap

SCORES = pa.schema(
    [
        ("run", pa.string()),
        ("renderer", pa.string()),
        ("pair_id", pa.string()),
        ("frame", pa.int32()),  # -1 = the whole span
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("value", pa.float64()),  # null = dropped
    ]
)

PAIR_SCORES = pa.schema(
    [
        ("renderer", pa.string()),
        ("pair_id", pa.string()),
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("value", pa.float64()),  # mean over the frames that were not dropped; null where all were
        ("n_frames", pa.int64()),
        ("n_dropped", pa.int64()),
        *((binning.by, pa.float64()) for binning in BINNINGS),  # means over the span
    ]
)

AGGREGATES = pa.schema(
    [
        ("renderer", pa.string()),
        ("protocol", pa.string()),
        ("metric", pa.string()),
        ("definition", pa.string()),
        ("value", pa.float64()),
        ("ci_low", pa.float64()),  # null: fewer than two identities (five for a pooled FID or KID)
        ("ci_high", pa.float64()),
        ("n_frames", pa.int64()),
        ("n_pairs", pa.int64()),
        ("n_identities", pa.int64()),
        ("n_dropped", pa.int64()),
        ("bin_by", pa.string()),  # null: all frames; else pose_gap, yaw or motion
        ("bin", pa.string()),
        ("route", pa.string()),  # of a distance between sets: how it and its interval were computed
    ]
)


class PairInfo(NamedTuple):
    """What aggregation needs to know of a pair."""

    protocol: str
    identity: str  # of the source: the person whose face is shown


class Name(NamedTuple):
    """What a line is of; `place` orders the bins, -1 is all frames."""

    renderer: str
    protocol: str
    metric: str
    definition: str
    bin_by: str
    place: int


@dataclass
class Cell:
    """What a line is made of."""

    sums: ClusterSums = field(default_factory=ClusterSums)
    pairs: int = 0


class ScoreColumn(NamedTuple):
    """All values of one metric of one render."""

    metric: str
    definition: str
    frame: NDArray[np.int64]  # (N,) -1 = the whole span
    value: NDArray[np.float64]  # (N,) NaN = dropped


@dataclass
class Totals:
    """Sufficient statistics of a run's means: a few numbers per line and identity, however many frames there are."""

    cells: dict[Name, Cell] = field(default_factory=dict)

    def update(self, renderer: str, pair: PairInfo, scores: pa.Table, conditions: pa.Table) -> None:
        """Take in the scores of one render of a pair, with the conditions of its frames."""
        first = conditions["frame"][0].as_py() if conditions.num_rows > 1 else 0
        known = {binning: _floats(conditions, binning.by) for binning in BINNINGS}
        for column in columns_of(scores):
            name = Name(renderer, pair.protocol, column.metric, column.definition, "", -1)
            self._add(name, pair.identity, column.value)
            row = np.where(column.frame < 0, conditions.num_rows - 1, column.frame - first)
            for binning, values in known.items():
                places = binning.places(values[row])
                for place in np.unique(places[places >= 0]).tolist():
                    binned = name._replace(bin_by=binning.by, place=place)
                    self._add(binned, pair.identity, column.value[places == place])

    def merge(self, other: "Totals") -> None:
        """Take in another shard, of other renders."""
        for name, cell in other.cells.items():
            mine = self.cells.setdefault(name, Cell())
            mine.sums.merge(cell.sums)
            mine.pairs += cell.pairs

    def lines(self) -> Iterator[dict[str, object]]:
        """Rows of AGGREGATES: means over pooled frames with intervals from a bootstrap clustered by identity."""
        for name, cell in sorted(self.cells.items()):
            yield line(name, cell.sums.interval(seed=SEED), cell.pairs)

    def _add(self, name: Name, identity: str, values: NDArray[np.float64]) -> None:
        cell = self.cells.setdefault(name, Cell())
        cell.sums.update(identity, values)
        cell.pairs += 1


def columns_of(scores: pa.Table) -> Iterator[ScoreColumn]:
    """The metrics of one render's score table."""
    frames = scores["frame"].to_numpy().astype(np.int64)
    values = _floats(scores, "value")
    names = list(zip(scores["metric"].to_pylist(), scores["definition"].to_pylist(), strict=True))
    rows: dict[tuple[str, str], list[int]] = {}
    for index, name in enumerate(names):
        rows.setdefault(name, []).append(index)
    for (metric, definition), chosen in rows.items():
        yield ScoreColumn(metric, definition, frames[chosen], values[chosen])


def pair_scores(renderer: str, pair_id: str, scores: pa.Table, conditions: pa.Table) -> pa.Table:
    """PAIR_SCORES of one render: what a table of pairs or a plot over pairs needs, without the frames."""
    span = conditions.slice(conditions.num_rows - 1).to_pylist()[0]
    shared = {"renderer": renderer, "pair_id": pair_id, **{binning.by: span[binning.by] for binning in BINNINGS}}
    return pa.Table.from_pylist([{**shared, **_summed(column)} for column in columns_of(scores)], schema=PAIR_SCORES)


def _summed(column: ScoreColumn) -> dict[str, object]:
    kept = column.value[~np.isnan(column.value)]
    return {
        "metric": column.metric,
        "definition": column.definition,
        "value": float(kept.mean()) if len(kept) else None,
        "n_frames": len(kept),
        "n_dropped": len(column.value) - len(kept),
    }


def line(name: Name, interval: Interval, pairs: int) -> dict[str, object]:
    """A row of AGGREGATES."""
    binning = next((binning for binning in BINNINGS if binning.by == name.bin_by), None)
    return {
        "renderer": name.renderer,
        "protocol": name.protocol,
        "metric": name.metric,
        "definition": name.definition,
        "value": number(interval.mean),
        "ci_low": number(interval.ci_low),
        "ci_high": number(interval.ci_high),
        "n_frames": interval.n,
        "n_pairs": pairs,
        "n_identities": interval.n_clusters,
        "n_dropped": interval.n_dropped,
        "bin_by": None if binning is None else binning.by,
        "bin": None if binning is None else binning.labels[name.place],
        "route": None,
    }


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column as float64, NaN where it is null."""
    return np.asarray(table[name].to_numpy(zero_copy_only=False), np.float64)


def number(value: float) -> float | None:
    """A value of a table: null where there is none."""
    return None if np.isnan(value) else float(value)
