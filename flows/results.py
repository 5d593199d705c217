"""The tables of a scored run: every score, the means per pair, the aggregates, and those for papers."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

import numpy as np
import pyarrow as pa

from reenactory.flows.run_files import run_path
from reenactory.flows.workplace import Workplace
from reenactory.infra.records import artefact_path
from reenactory.infra.store import Store
from reenactory.infra.tables import get_table, put_table, table_in_parts
from reenactory.models.metrics.registry import PLACE
from reenactory.tasks.pairs import Pair
from reenactory.tasks.rendering import ClipRow
from reenactory.tasks.report.run import FLOOR
from reenactory.tasks.results.aggregate import AGGREGATES, PAIR_SCORES, SCORES, PairInfo, Totals, pair_scores
from reenactory.tasks.results.bins import BINNINGS
from reenactory.tasks.results.latex_table import to_latex
from reenactory.tasks.results.pooling import Features, pooled_lines
from reenactory.tasks.results.score_table import score_rows, to_csv
from reenactory.tasks.score import CONDITIONS
from reenactory.tasks.scoring import Rendered, Scoring

RUN_CONDITIONS = pa.schema([("pair_id", pa.string()), *CONDITIONS])
OUTPUTS = {
    **{name: f"{name}.parquet" for name in ("scores", "pair_scores", "conditions", "aggregates")},
    "csv": "table.csv",
    "latex": "table.tex",
    "report": "report.html",  # last: what most people open
}


def write_results(place: Workplace, run: str, jobs: Scoring, scored: Sequence[Rendered]) -> dict[str, str]:
    """Write the run's tables, a render at a time; returns where they and the report are, by name."""
    info = {item.pair.pair_id: _info(item.pair, jobs.clips) for item in scored}
    by_name = {(item.renderer, item.pair.pair_id): item for item in scored}
    reader = _Reader(place.store, jobs)
    lines = [*_means(place.store, run, reader, scored, info)]
    lines += pooled_lines(list(by_name), info, lambda renderer, pair: reader.features(by_name[renderer, pair]))
    lines = _sorted(lines)
    put_table(place.store, run_path(run, "aggregates.parquet"), pa.Table.from_pylist(lines, schema=AGGREGATES))
    rows = score_rows(lines)
    place.store.put(run_path(run, "table.csv"), to_csv(rows).encode())
    place.store.put(run_path(run, "table.tex"), to_latex(rows, run, FLOOR).encode())
    return {name: f"{place.store.uri}/{run_path(run, file)}" for name, file in OUTPUTS.items()}


def _means(
    store: Store, run: str, reader: "_Reader", scored: Sequence[Rendered], info: Mapping[str, PairInfo]
) -> Iterator[dict[str, object]]:
    """Copy the scores of all renders into the run's tables; the rows of its aggregates that are means."""
    totals = Totals()
    told: set[str] = set()
    with (
        table_in_parts(store, run_path(run, "scores.parquet"), SCORES) as all_scores,
        table_in_parts(store, run_path(run, "pair_scores.parquet"), PAIR_SCORES) as all_pairs,
        table_in_parts(store, run_path(run, "conditions.parquet"), RUN_CONDITIONS) as all_conditions,
    ):
        for item in scored:
            scores, conditions = reader.scores(item)
            pair_id = item.pair.pair_id
            totals.update(item.renderer, info[pair_id], scores, conditions)
            all_scores.write(_named(scores, run=run, renderer=item.renderer, pair_id=pair_id))
            all_pairs.write(pair_scores(item.renderer, pair_id, scores, conditions))
            if pair_id not in told:  # they are the driver's, whoever rendered
                told.add(pair_id)
                all_conditions.write(_named(conditions, pair_id=pair_id))
    yield from totals.lines()


def _sorted(lines: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """All frames before the bins; then by protocol, metric and renderer."""
    groups: list[object] = [None, *(binning.by for binning in BINNINGS)]
    last = len(PLACE)

    def key(line: dict[str, object]) -> tuple[int, bool, int, str, str]:
        metric = str(line["metric"])
        names = str(line["definition"]), str(line["renderer"])
        return groups.index(line["bin_by"]), line["protocol"] != "self", PLACE.get(metric, last), *names

    return sorted(lines, key=key)  # stable: the bins of a line stay in their order


def _info(pair: Pair, clips: Mapping[str, ClipRow]) -> PairInfo:
    return PairInfo(pair.protocol, str(clips[pair.source_clip]["identity"]))


def _named(table: pa.Table, **names: str) -> pa.Table:
    """The table with a constant column in front for each name."""
    for position, (name, value) in enumerate(names.items()):
        table = table.add_column(position, name, pa.array([value] * table.num_rows, pa.string()))
    return table


class _Reader:
    """Reads what scoring made."""

    def __init__(self, store: Store, jobs: Scoring) -> None:
        self._store, self._jobs = store, jobs

    def scores(self, item: Rendered) -> tuple[pa.Table, pa.Table]:
        """Scores and conditions of one render."""
        key = self._jobs.chain(item)[-1].keys[0]
        names = ("scores.parquet", "conditions.parquet")
        scores, conditions = (get_table(self._store, artefact_path("score", key, name)) for name in names)
        return scores, conditions

    def features(self, item: Rendered) -> Features:
        looking = self._jobs.chain(item)[1]
        valid = self._array(item.stage, item.key, "valid.npy")
        real = self._array("features", self._jobs.driving_features(item.pair), "inception.npy")
        generated = self._array("features", looking.keys[0], "inception.npy")
        return Features(real[valid], generated[valid], int((~valid).sum()))

    def _array(self, stage: str, key: str, name: str) -> np.ndarray:
        content = self._store.get(artefact_path(stage, key, name))  # of one render: no copy on disk is left
        return np.asarray(np.load(BytesIO(content), allow_pickle=False))
