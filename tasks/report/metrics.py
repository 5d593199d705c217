"""The report's first table: every aggregate of a protocol, a row per metric and a column per renderer."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from reenactory.models.metrics.definition import ARROWS, WORDS, Definition
from reenactory.models.metrics.registry import KNOWN, PLACE
from reenactory.tasks.report.format import counted, decimals_for, is_number, number
from reenactory.tasks.report.groups import GROUPS, OTHER, group_of
from reenactory.tasks.report.marks import Estimate, Mark, folded, marks
from reenactory.tasks.report.run import RunData
from reenactory.tasks.report.shown import Shown
from reenactory.tasks.results.cautions import drop_caution, identity_caution, line_caution
from reenactory.tasks.results.reference import FLOOR

PROTOCOLS = {
    "self": ("Self re-enactment", "A clip is driven by itself: every frame has a true picture to be compared with."),
    "cross": ("Cross re-enactment", "A face is driven by another person: there is no true picture."),
}

Aggregate = Mapping[str, object]


class Cell(NamedTuple):
    """One renderer's value of one metric."""

    value: str
    rank: float | None  # what the columns are sorted by, the best first
    interval: str
    best: bool  # and shown to be
    below_floor: bool  # shown to be
    above_floor: bool
    warning: str  # too much was dropped, or others were scored on more pairs; else empty
    counts: str  # empty where all renderers of the row were scored on as much


class Row(NamedTuple):
    """One metric."""

    name: str
    definition: str
    anchor: str
    caution: str  # what the reader must know before believing it; empty where there is nothing
    missing: str  # where it has no value; empty where few or none are missing
    unit: str
    arrow: str
    cells: list[Cell | None]  # by renderer; None: nothing of it was scored
    counts: str  # of all its cells, empty where they differ
    marks: list[Mark]


class RowGroup(NamedTuple):
    """Metrics about the same thing."""

    title: str
    open: bool
    rows: list[Row]


class ProtocolTable(NamedTuple):
    """All metrics of a protocol; no rows: the run has no such pair."""

    protocol: str
    title: str
    explanation: str
    groups: list[RowGroup]
    verdicts: list[str]
    few_identities: str
    counts: str  # what most rows were scored on

    @property
    def rows(self) -> list[Row]:
        return [row for group in self.groups for row in group.rows]


class Term(NamedTuple):
    """A metric of the run in the glossary."""

    name: str
    anchor: str
    definition: str
    entry: Definition | None  # None: made by another version, which knew a metric that this one does not
    range: str
    better: str


def protocol_tables(data: RunData, shown: AbstractSet[Shown]) -> list[ProtocolTable]:
    """`shown`: the differences that may be emphasised."""
    return [_table(data, shown, protocol, *texts) for protocol, texts in PROTOCOLS.items()]


def glossary(data: RunData) -> list[Term]:
    """Every definition that the run's numbers have, in the order of the tables."""
    return terms_of({(str(line["metric"]), str(line["definition"])) for line in data.aggregates})


def terms_of(metrics: Iterable[tuple[str, str]]) -> list[Term]:
    """Names and definitions explained, in the order of the tables."""
    present = sorted(metrics, key=_order)
    return [_term(name, text, KNOWN.get(name)) for name, text in present]


def _term(name: str, definition: str, entry: Definition | None) -> Term:
    told = (entry.range_text, WORDS[entry.direction]) if entry else ("", "")
    return Term(name, anchor_of(definition), definition, entry, *told)


def _order(metric: tuple[str, str]) -> tuple[int, str, str]:
    return (PLACE.get(metric[0], len(PLACE)), *metric)


def anchor_of(definition: str) -> str:
    """Name of a definition within the page."""
    return "def-" + "".join(char if char.isalnum() else "-" for char in definition)


def _table(data: RunData, shown: AbstractSet[Shown], protocol: str, title: str, explanation: str) -> ProtocolTable:
    lines = [line for line in data.aggregates if line["protocol"] == protocol]
    by_metric: dict[tuple[str, str], dict[str, Aggregate]] = {}
    for line in lines:
        by_metric.setdefault((str(line["metric"]), str(line["definition"])), {})[str(line["renderer"])] = line
    rows = [
        _row(protocol, metric, by_metric[metric], data.renderers, shown) for metric in sorted(by_metric, key=_order)
    ]
    few = identity_caution(max(_int(line["n_identities"]) for line in lines)) if lines else ""
    verdicts = [] if few else _verdicts(rows, data.renderers)
    usual = Counter(row.counts for row in rows if row.counts).most_common(1)
    return ProtocolTable(protocol, title, explanation, _grouped(rows), verdicts, few, usual[0][0] if usual else "")


def _grouped(rows: Sequence[Row]) -> list[RowGroup]:
    groups = [(group, [row for row in rows if group_of(row.name) is group]) for group in (*GROUPS, OTHER)]
    return [RowGroup(group.title, group.open, members) for group, members in groups if members]


def _row(
    protocol: str,
    metric: tuple[str, str],
    lines: Mapping[str, Aggregate],
    renderers: Sequence[str],
    shown: AbstractSet[Shown],
) -> Row:
    name, definition = metric
    entry = KNOWN.get(name)
    values = {renderer: _value(line["value"]) for renderer, line in lines.items()}
    decimals = decimals_for(values.values())
    unit = "video" if entry is not None and entry.per == "video" else "frame"
    each = {renderer: _counts(line, unit) for renderer, line in lines.items()}
    alike = len(set(each.values())) == 1
    best = _best(Candidates(protocol, definition, values, entry), shown)
    cells: list[Cell | None] = []
    for renderer in renderers:
        if renderer not in lines:
            cells.append(None)
            continue
        line, value = lines[renderer], values[renderer]
        worse = Shown(protocol, definition, FLOOR, renderer) in shown
        counts = "" if alike else each[renderer]
        cells.append(
            Cell(
                number(value, decimals),
                None if entry is None or value is None else entry.distance(value),
                _interval(line, decimals),
                renderer == best,
                worse,
                Shown(protocol, definition, renderer, FLOOR) in shown,
                line_caution(line, lines.values()),
                counts,
            )
        )
    arrow = "" if entry is None else ARROWS[entry.direction]
    counts = next(iter(each.values())) if alike else ""
    drawn = marks(renderers, _estimates(lines, entry), entry is not None and entry.direction != "higher")
    caution = entry.caution if entry is not None and protocol in entry.caution_for else ""
    missing = f"No value where {entry.why_missing}." if entry and any(map(_many_dropped, lines.values())) else ""
    unit = entry.unit if entry else ""
    return Row(name, definition, anchor_of(definition), caution, missing, unit, arrow, cells, counts, drawn)


def _many_dropped(line: Aggregate) -> bool:
    return bool(drop_caution(_int(line["n_frames"]), _int(line["n_dropped"])))


def _estimates(lines: Mapping[str, Aggregate], entry: Definition | None) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for renderer, line in lines.items():
        value, low, high = (_value(line[name]) for name in ("value", "ci_low", "ci_high"))
        if value is not None:
            estimate = Estimate(value, low, high)
            found[renderer] = folded(estimate) if entry is not None and entry.direction == "zero" else estimate
    return found


class Candidates(NamedTuple):
    """What one row of the table is about."""

    protocol: str
    definition: str
    values: Mapping[str, float | None]
    entry: Definition | None


def _best(row: Candidates, shown: AbstractSet[Shown]) -> str:
    """The renderer to emphasise, empty for none: shown to be better than every other method, alone than the floor."""
    methods = {name: value for name, value in row.values.items() if name != FLOOR and value is not None}
    entry = row.entry
    if entry is None or not methods:
        return ""
    top = min(methods, key=lambda name: entry.distance(methods[name]))
    others = set(methods) - {top} or set(row.values) - {top}
    beaten = {other for other in row.values if Shown(row.protocol, row.definition, top, other) in shown}
    return top if others and others <= beaten else ""


def _interval(line: Aggregate, decimals: int) -> str:
    low, high = _value(line["ci_low"]), _value(line["ci_high"])
    return "" if low is None or high is None else f"[{number(low, decimals)}, {number(high, decimals)}]"


def _counts(line: Aggregate, unit: str) -> str:
    parts = [
        counted(_int(line["n_frames"]), unit),
        counted(_int(line["n_pairs"]), "pair"),
        counted(_int(line["n_identities"]), "source identity", "source identities"),
        f"{_int(line['n_dropped']):,} dropped",
    ]
    return ", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)


def _verdicts(rows: Sequence[Row], renderers: Sequence[str]) -> list[str]:
    """One sentence per method: on how many metrics it is shown to be better, or worse, than doing nothing."""
    if FLOOR not in renderers:
        return []
    place = renderers.index(FLOOR)
    said: list[str] = []
    for index, renderer in enumerate(renderers):
        cells = [row.cells[index] for row in rows if row.cells[place] is not None and row.arrow]
        known = [cell for cell in cells if cell is not None and cell.value != "–"]
        if renderer == FLOOR or not known:
            continue
        better, worse = sum(cell.above_floor for cell in known), sum(cell.below_floor for cell in known)
        of = counted(len(known), "metric")
        said.append(f"{renderer} is shown to be better than {FLOOR} on {better} and worse on {worse} of {of}.")
    return said


def _value(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and is_number(value) else None


def _int(value: object) -> int:
    return int(value) if isinstance(value, int) else 0
