"""Paired differences of renderers on the frames that both have scores of, metric by metric."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reenactory.infra.store import Store
from reenactory.models.metrics.bootstrap import PairedDifference, paired_bootstrap
from reenactory.models.metrics.registry import PLACE, lookup
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.results.aggregate import SEED, PairInfo
from reenactory.tasks.results.cautions import drop_caution, identity_caution, too_few

NAMES = ("renderer", "metric", "definition")
TEXTS = [*NAMES, "pair_id"]
FRAME_BITS = 32


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


class Values(NamedTuple):
    """What one renderer has of one metric: 16 bytes a score."""

    place: NDArray[np.int64]  # (N,) sorted: number of the pair, then frame
    value: NDArray[np.float64]  # (N,) NaN = dropped


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
            codes = np.stack([np.asarray(batch[name].indices) for name in NAMES])
            texts = [batch[name].dictionary.to_pylist() for name in NAMES]
            for row in np.unique(codes, axis=1).T.tolist():
                renderer, metric, definition = (known[code] for known, code in zip(texts, row, strict=True))
                found.add((renderer, metric, definition))
        return found

    def read(self, group: Group, number: Mapping[str, int]) -> dict[str, Values]:
        """Values by renderer, of the pairs that have a number."""
        columns = [*TEXTS, "frame", "value"]
        parts: dict[str, list[Values]] = defaultdict(list)
        for batch in pq.ParquetFile(self._path, read_dictionary=TEXTS).iter_batches(columns=columns):
            wanted = _equal(batch["metric"], group.metric) & _equal(batch["definition"], group.definition)
            pairs = _through(batch["pair_id"], lambda name: number.get(name, -1))
            wanted &= pairs >= 0
            place = (pairs << FRAME_BITS) + np.asarray(batch["frame"], np.int64) + 1  # the whole span is frame -1
            value = batch["value"].to_numpy(zero_copy_only=False)
            for name in batch["renderer"].unique().to_pylist():
                rows = wanted & _equal(batch["renderer"], name)
                if rows.any():
                    parts[name].append(Values(place[rows], value[rows]))
        return {name: _sorted(found) for name, found in sorted(parts.items())}


def _equal(column: pa.DictionaryArray, name: str) -> NDArray[np.bool_]:
    return _through(column, lambda known: known == name).astype(bool)


def _through(column: pa.DictionaryArray, function: Callable[[str], int]) -> NDArray[np.int64]:
    """The function of every row of a column of texts, called once per text."""
    told = np.array([function(text) for text in column.dictionary.to_pylist()], np.int64)
    rows: NDArray[np.int64] = told[np.asarray(column.indices)]
    return rows


def _sorted(parts: Sequence[Values]) -> Values:
    place, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(place, kind="stable")
    return Values(place[order], value[order])


def paired_lines(first: Scores, second: Scores, pairs: Mapping[str, PairInfo]) -> list[Line]:
    """Every renderer of the first against every one of the second (scores given twice: against each other, once).

    One metric is in memory at a time: the scores of 10,000 pairs are tens of millions of rows. Metrics that this
    version does not know are left out.
    """
    lines: list[Line] = []
    known = _Pairs(pairs)
    for group in sorted(_known(first, second), key=lambda group: (PLACE[group.metric], group)):
        a = first.read(group, known.number)
        b = a if first is second else second.read(group, known.number)
        for name_a, name_b in _versus(a, b, first is second):
            lines += _lines((name_a, name_b), group, a[name_a], b[name_b], known)
    return sorted(lines, key=lambda line: (line.protocol != "self", line.renderer_a, line.renderer_b))


class _Pairs:
    """Pairs by number."""

    def __init__(self, pairs: Mapping[str, PairInfo]) -> None:
        names = sorted(pairs)
        self.number = {name: place for place, name in enumerate(names)}
        self.people = [pairs[name].identity for name in names]
        self.protocols = sorted({info.protocol for info in pairs.values()})
        self.protocol = np.array([self.protocols.index(pairs[name].protocol) for name in names], np.int64)


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


def _versus(a: Mapping[str, Values], b: Mapping[str, Values], same: bool) -> Iterator[tuple[str, str]]:
    for name_a in a:
        for name_b in b:
            if not same or name_a < name_b:
                yield name_a, name_b


def _lines(renderers: tuple[str, str], group: Group, first: Values, second: Values, known: _Pairs) -> Iterator[Line]:
    place, rows_a, rows_b = np.intersect1d(first.place, second.place, assume_unique=True, return_indices=True)
    numbers = place >> FRAME_BITS
    for index, protocol in enumerate(known.protocols):
        rows = known.protocol[numbers] == index
        if not rows.any():
            continue
        a, b = first.value[rows_a[rows]], second.value[rows_b[rows]]
        direction = lookup(group.metric).direction
        paired = paired_bootstrap(a, b, numbers[rows], known.people, direction=direction, seed=SEED)
        kept = ~(np.isnan(a) | np.isnan(b))
        mean_a, mean_b = (float(side[kept].mean()) if kept.any() else np.nan for side in (a, b))
        yield Line(protocol, *group, *renderers, mean_a, mean_b, paired)
