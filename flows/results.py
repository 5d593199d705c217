"""The tables of a scored run: every score, the means per pair, the aggregates, and those for papers."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
from pydantic import JsonValue

from reenactory.flows.run_files import run_path
from reenactory.infra.records import artefact_path
from reenactory.infra.store import Store
from reenactory.infra.tables import get_table, put_table, table_in_parts
from reenactory.models.metrics.registry import PLACE
from reenactory.tasks.results.aggregate import AGGREGATES, PAIR_SCORES, SCORES, PairInfo, Totals, pair_scores
from reenactory.tasks.results.bins import BINNINGS
from reenactory.tasks.results.latex_table import to_latex
from reenactory.tasks.results.pooling import Pooling, pooled_lines
from reenactory.tasks.results.reference import FLOOR
from reenactory.tasks.results.score_table import score_rows, to_csv
from reenactory.tasks.score import CONDITIONS
from reenactory.tasks.scoring import Scored

RUN_CONDITIONS = pa.schema([("pair_id", pa.string()), *CONDITIONS])
TABLES = {
    **{name: f"{name}.parquet" for name in ("scores", "pair_scores", "conditions", "aggregates")},
    "csv": "table.csv",
    "latex": "table.tex",
}
REPORT = "report.html"


def write_results(
    store: Store, run: str, scored: Sequence[Scored], pairs: Mapping[str, PairInfo], pooled: Sequence[Pooling]
) -> None:
    """Write the run's tables, a render at a time.

    Args:
        scored: the renders that have scores.
        pairs: by pair_id.
        pooled: the jobs of FID and KID, done.
    """
    lines = [*_means(store, run, scored, pairs), *pooled_lines(store, pooled)]
    lines = _sorted(lines)
    put_table(store, run_path(run, "aggregates.parquet"), pa.Table.from_pylist(lines, schema=AGGREGATES))
    rows = score_rows(lines)
    store.put(run_path(run, "table.csv"), to_csv(rows).encode())
    store.put(run_path(run, "table.tex"), to_latex(rows, run, FLOOR).encode())


def tables_made_of(scored: Sequence[Scored], pairs: Mapping[str, PairInfo], pooled: Sequence[Pooling]) -> JsonValue:
    """What decides the content of a run's tables. Arguments as of `write_results`."""
    scores: list[JsonValue] = [
        [item.rendered.renderer, item.rendered.pair.pair_id, *pairs[item.rendered.pair.pair_id], item.score_key]
        for item in scored
    ]
    sets: list[JsonValue] = [[one.protocol, *one.renderers, *one.job.keys] for one in pooled]
    return [scores, sets]


def report_made_of(store: Store, run: str, dataset: str) -> JsonValue:
    """What decides the content of a run's report beside its tables."""
    listed = [*store.list(run_path(run, "renders/")), *store.list(f"datasets/{dataset}/clips/")]
    read = [
        run_path(run, "pairs.parquet"),
        *(path for path in listed if path.endswith(".parquet")),
        *store.list(run_path(run, "summary-render-")),
        *store.list(run_path(run, "plan-")),
        *store.list(f"runs/preprocess-{dataset}/summary-preprocess.json"),
        *store.list(f"runs/preprocess-{dataset}/plan-preprocess.json"),
    ]
    digests = [hashlib.sha256(store.get(path)).hexdigest() for path in read]
    return [*listed, *digests]


def _means(
    store: Store, run: str, scored: Sequence[Scored], pairs: Mapping[str, PairInfo]
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
            names = ("scores.parquet", "conditions.parquet")
            scores, conditions = (get_table(store, artefact_path("score", item.score_key, name)) for name in names)
            pair_id, renderer = item.rendered.pair.pair_id, item.rendered.renderer
            totals.update(renderer, pairs[pair_id], scores, conditions)
            all_scores.write(_named(scores, run=run, renderer=renderer, pair_id=pair_id))
            all_pairs.write(pair_scores(renderer, pair_id, scores, conditions))
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


def _named(table: pa.Table, **names: str) -> pa.Table:
    """The table with a constant column in front for each name."""
    for position, (name, value) in enumerate(names.items()):
        table = table.add_column(position, name, pa.array([value] * table.num_rows, pa.string()))
    return table
