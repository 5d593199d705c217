"""The report's first table: every aggregate of a protocol, a row per metric and a column per renderer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reenactory.models.metrics.definition import ARROWS, WORDS, Definition
from reenactory.models.metrics.registry import KNOWN, PLACE
from reenactory.tasks.cautions import drop_caution, identity_caution
from reenactory.tasks.report.format import counted, decimals_for, is_number, number
from reenactory.tasks.report.marks import Estimate, Mark, folded, marks
from reenactory.tasks.report.run import FLOOR, RunData

PROTOCOLS = {
    "self": ("Self re-enactment", "A clip is driven by itself: every frame has a true picture to be compared with."),
    "cross": ("Cross re-enactment", "A face is driven by another person: there is no true picture."),
}

Aggregate = Mapping[str, object]


class Cell(NamedTuple):
    """One renderer's value of one metric."""

    value: str
    interval: str
    best: bool
    below_floor: bool
    dropped: str  # the warning, empty where few or none were
    counts: str  # empty where all renderers of the row were scored on as much


class Row(NamedTuple):
    """One metric."""

    name: str
    definition: str
    anchor: str
    unit: str
    arrow: str
    cells: list[Cell | None]  # by renderer; None: nothing of it was scored
    counts: str  # of all its cells, empty where they differ
    marks: list[Mark]


class ProtocolTable(NamedTuple):
    """All metrics of a protocol; no rows: the run has no such pair."""

    protocol: str
    title: str
    explanation: str
    rows: list[Row]
    verdicts: list[str]
    few_identities: str


class Term(NamedTuple):
    """A metric of the run in the glossary."""

    name: str
    anchor: str
    definition: str
    entry: Definition | None  # None: made by another version, which knew a metric that this one does not
    range: str
    better: str


def protocol_tables(data: RunData) -> list[ProtocolTable]:
    return [_table(data, protocol, *texts) for protocol, texts in PROTOCOLS.items()]


def glossary(data: RunData) -> list[Term]:
    """Every definition that the run's numbers have, in the order of the tables."""
    present = sorted({(str(line["metric"]), str(line["definition"])) for line in data.aggregates}, key=_order)
    return [_term(name, text, KNOWN.get(name)) for name, text in present]


def _term(name: str, definition: str, entry: Definition | None) -> Term:
    told = (entry.range_text, WORDS[entry.direction]) if entry else ("", "")
    return Term(name, _anchor(definition), definition, entry, *told)


def _order(metric: tuple[str, str]) -> tuple[int, str, str]:
    return (PLACE.get(metric[0], len(PLACE)), *metric)


def _anchor(definition: str) -> str:
    return "def-" + "".join(char if char.isalnum() else "-" for char in definition)


def _table(data: RunData, protocol: str, title: str, explanation: str) -> ProtocolTable:
    lines = [line for line in data.aggregates if line["protocol"] == protocol]
    by_metric: dict[tuple[str, str], dict[str, Aggregate]] = {}
    for line in lines:
        by_metric.setdefault((str(line["metric"]), str(line["definition"])), {})[str(line["renderer"])] = line
    rows = [_row(metric, by_metric[metric], data.renderers) for metric in sorted(by_metric, key=_order)]
    few = identity_caution(max(_int(line["n_identities"]) for line in lines)) if lines else ""
    return ProtocolTable(protocol, title, explanation, rows, _verdicts(rows, data.renderers), few)


def _row(metric: tuple[str, str], lines: Mapping[str, Aggregate], renderers: Sequence[str]) -> Row:
    name, definition = metric
    entry = KNOWN.get(name)
    values = {renderer: _value(line["value"]) for renderer, line in lines.items()}
    decimals = decimals_for(values.values())
    unit = "video" if entry is not None and entry.per == "video" else "frame"
    each = {renderer: _counts(line, unit) for renderer, line in lines.items()}
    alike = len(set(each.values())) == 1
    best, floor = _best(values, entry), values.get(FLOOR)
    cells: list[Cell | None] = []
    for renderer in renderers:
        if renderer not in lines:
            cells.append(None)
            continue
        line, value = lines[renderer], values[renderer]
        worse = renderer != FLOOR and _better(floor, value, entry)
        counts = "" if alike else each[renderer]
        cells.append(
            Cell(number(value, decimals), _interval(line, decimals), renderer in best, worse, _dropped(line), counts)
        )
    arrow = "" if entry is None else ARROWS[entry.direction]
    counts = next(iter(each.values())) if alike else ""
    drawn = marks(renderers, _estimates(lines, entry), entry is not None and entry.direction != "higher")
    return Row(name, definition, _anchor(definition), entry.unit if entry else "", arrow, cells, counts, drawn)


def _estimates(lines: Mapping[str, Aggregate], entry: Definition | None) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for renderer, line in lines.items():
        value, low, high = (_value(line[name]) for name in ("value", "ci_low", "ci_high"))
        if value is not None:
            estimate = Estimate(value, low, high)
            found[renderer] = folded(estimate) if entry is not None and entry.direction == "zero" else estimate
    return found


def _better(first: float | None, second: float | None, entry: Definition | None) -> bool:
    """Whether the first value is strictly better; never where a value or the direction is not known."""
    if entry is None or first is None or second is None:
        return False
    return entry.distance(first) < entry.distance(second)


def _best(values: Mapping[str, float | None], entry: Definition | None) -> set[str]:
    """Renderers to emphasise: the best methods, the floor being none. A method alone must also beat the floor."""
    if len(values) < 2:
        return set()  # nothing to compare with
    methods = {name: value for name, value in values.items() if name != FLOOR and value is not None}
    if entry is None or not methods:
        return set()
    top = min(methods.values(), key=entry.distance)
    if len(methods) == 1 and _better(values.get(FLOOR), top, entry):
        return set()
    return {name for name, value in methods.items() if entry.distance(value) == entry.distance(top)}


def _interval(line: Aggregate, decimals: int) -> str:
    low, high = _value(line["ci_low"]), _value(line["ci_high"])
    return "" if low is None or high is None else f"[{number(low, decimals)}, {number(high, decimals)}]"


def _dropped(line: Aggregate) -> str:
    return drop_caution(_int(line["n_frames"]), _int(line["n_dropped"]))


def _counts(line: Aggregate, unit: str) -> str:
    parts = [
        counted(_int(line["n_frames"]), unit),
        counted(_int(line["n_pairs"]), "pair"),
        counted(_int(line["n_identities"]), "identity", "identities"),
        f"{_int(line['n_dropped']):,} dropped",
    ]
    return ", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)


def _verdicts(rows: Sequence[Row], renderers: Sequence[str]) -> list[str]:
    """One sentence per method: on how many metrics it is no worse than doing nothing."""
    if FLOOR not in renderers:
        return []
    place = renderers.index(FLOOR)
    said: list[str] = []
    for index, renderer in enumerate(renderers):
        cells = [row.cells[index] for row in rows if row.cells[place] is not None and row.arrow]
        known = [cell for cell in cells if cell is not None and cell.value != "–"]
        if renderer == FLOOR or not known:
            continue
        held = sum(not cell.below_floor for cell in known)
        said.append(f"{renderer} is no worse than {FLOOR} on {held} of {counted(len(known), 'metric')}.")
    return said


def _value(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and is_number(value) else None


def _int(value: object) -> int:
    return int(value) if isinstance(value, int) else 0
