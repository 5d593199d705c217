"""Aggregates of a run as rows of metrics with a cell per renderer: for the terminal, LaTeX and spreadsheets."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from reenactory.models.metrics.definition import Definition
from reenactory.models.metrics.registry import KNOWN, PLACE
from reenactory.tasks.report.format import decimals_for, number
from reenactory.tasks.results.cautions import identity_caution, line_caution

Aggregate = Mapping[str, object]  # a row of AGGREGATES

CSV_COLUMNS = (
    "protocol",
    "metric",
    "definition",
    "direction",
    "unit",
    "renderer",
    "value",
    "ci_low",
    "ci_high",
    "n_frames",
    "n_pairs",
    "n_identities",
    "n_dropped",
    "warning",
)


class Row(NamedTuple):
    """One metric of one protocol."""

    protocol: str
    metric: str
    definition: str
    entry: Definition | None  # None: of another version, which knew a metric that this one does not
    lines: dict[str, Aggregate]  # by renderer

    def texts(self, renderer: str) -> tuple[str, str, str]:
        """Value, interval and what is wrong with them; empty where there is nothing."""
        if renderer not in self.lines:
            return "–", "", ""
        line = self.lines[renderer]
        decimals = decimals_for(_float(each["value"]) for each in self.lines.values())
        low, high = _float(line["ci_low"]), _float(line["ci_high"])
        interval = "" if low is None or high is None else f"[{number(low, decimals)}, {number(high, decimals)}]"
        return number(_float(line["value"]), decimals), interval, line_caution(line, self.lines.values())


def score_rows(aggregates: Iterable[Aggregate]) -> list[Row]:
    """Rows over all frames (bins are left out), self before cross, metrics in the registry's order."""
    rows: dict[tuple[str, str, str], Row] = {}
    for line in aggregates:
        if line["bin_by"] is None:
            names = str(line["protocol"]), str(line["metric"]), str(line["definition"])
            row = rows.setdefault(names, Row(*names, KNOWN.get(names[1]), {}))
            row.lines[str(line["renderer"])] = line
    return sorted(rows.values(), key=lambda row: (row.protocol != "self", PLACE.get(row.metric, len(PLACE)), row[:3]))


def renderers_of(rows: Sequence[Row], first: str) -> list[str]:
    """Names of all columns, the floor `first` if it is there."""
    return sorted({name for row in rows for name in row.lines}, key=lambda name: (name != first, name))


def few_identities(rows: Sequence[Row]) -> str:
    """The warning of a table whose intervals are drawn from few people; else empty."""
    return identity_caution(max((_int(line["n_identities"]) for row in rows for line in row.lines.values()), default=0))


def to_csv(rows: Sequence[Row]) -> str:
    """A line per metric and renderer, numbers in full."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        told = {"direction": row.entry.direction, "unit": row.entry.unit} if row.entry else {}
        for name in sorted(row.lines):
            line = row.lines[name]
            few = identity_caution(_int(line["n_identities"]))
            warning = "; ".join(filter(None, (line_caution(line, row.lines.values()), few)))
            known = {column: line[column] for column in CSV_COLUMNS if column in line}
            writer.writerow({**known, **told, "warning": warning})
    return text.getvalue()


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
