"""Paired differences of renderers on the frames that both have scores of, metric by metric."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from reenactory.infra.store import Store
from reenactory.models.metrics.bootstrap import PairedDifference, paired_bootstrap
from reenactory.models.metrics.registry import PLACE, lookup
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.results.aggregate import SEED, PairInfo
from reenactory.tasks.results.cautions import drop_caution, identity_caution, too_few

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
        """Which is better; an interval that holds zero, or is of few people, shows no difference."""
        gap = self.paired.difference
        if np.isnan(gap.ci_low):
            return "no interval"
        if too_few(gap.n_clusters):
            return "too few identities"
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


class Scores:
    """The scores of a run, read a metric at a time."""

    def __init__(self, store: Store, run: str, folder: Path) -> None:
        path = f"runs/{run}/scores.parquet"
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


def paired_lines(first: Scores, second: Scores, pairs: Mapping[str, PairInfo]) -> list[Line]:
    """Every renderer of the first against every one of the second (scores given twice: against each other, once).

    One metric is in memory at a time: the scores of 10,000 pairs are tens of millions of rows. Metrics that this
    version does not know are left out.
    """
    lines: list[Line] = []
    for group in sorted(_known(first, second), key=lambda group: (PLACE[group.metric], group)):
        a = first.read(group)
        b = a if first is second else second.read(group)
        for name_a, name_b in _versus(a, b, first is second):
            both = a[name_a].merge(b[name_b], on=["pair_id", "frame"], suffixes=("_a", "_b"))
            lines += _lines(name_a, name_b, group, both, pairs)
    return sorted(lines, key=lambda line: (line.protocol != "self", line.renderer_a, line.renderer_b))


def require_known(first: Scores, second: Scores) -> None:
    """Refuse a metric that both have and this version does not know.

    Raises:
        WrongUseError: there is one.
    """
    unknown = sorted(group.metric for group in _shared(first, second) if group.metric not in PLACE)
    if unknown:
        raise WrongUseError(f"this version does not know the metric {unknown[0]!r}, nor which way of it is better")


def _known(first: Scores, second: Scores) -> Iterator[Group]:
    return (group for group in _shared(first, second) if group.metric in PLACE)


def _shared(first: Scores, second: Scores) -> set[Group]:
    return {Group(*name[1:]) for name in first.names} & {Group(*name[1:]) for name in second.names}


def _versus(a: dict[str, pd.DataFrame], b: dict[str, pd.DataFrame], same: bool) -> Iterator[tuple[str, str]]:
    for name_a in a:
        for name_b in b:
            if not same or name_a < name_b:
                yield name_a, name_b


def _lines(name_a: str, name_b: str, group: Group, both: pd.DataFrame, pairs: Mapping[str, PairInfo]) -> Iterator[Line]:
    known = both["pair_id"].map(dict(pairs))
    both = both.assign(protocol=known.str[0], identity=known.str[1])
    for protocol, rows in both.groupby("protocol", sort=True):
        a, b = rows["value_a"].to_numpy(np.float64), rows["value_b"].to_numpy(np.float64)
        people, groups = rows["identity"].tolist(), rows["pair_id"].tolist()
        paired = paired_bootstrap(a, b, people, groups, direction=lookup(group.metric).direction, seed=SEED)
        kept = ~(np.isnan(a) | np.isnan(b))
        mean_a, mean_b = (float(side[kept].mean()) if kept.any() else np.nan for side in (a, b))
        yield Line(str(protocol), *group, name_a, name_b, mean_a, mean_b, paired)
