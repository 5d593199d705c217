"""The first thing on the page: what the run found, and whether it can be believed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from reenactory.tasks.report.format import counted
from reenactory.tasks.report.metrics import ProtocolTable, Row
from reenactory.tasks.report.run import RunData
from reenactory.tasks.results.cautions import FEW_IDENTITIES, drop_caution

HEADLINES = {
    "self": ("lpips", "csim", "aed_l1"),
    "cross": ("csim", "aed_l1", "apd_l1_angles"),
}  # likeness, identity, motion
MOST_NAMED = 3


class Finding(NamedTuple):
    """What one protocol came to."""

    title: str
    headlines: list[Row]
    sentences: list[str]


class Check(NamedTuple):
    """One question that a careful reader asks, answered."""

    text: str
    fine: bool


class Glance(NamedTuple):
    """All of it."""

    done: str
    findings: list[Finding]
    checks: list[Check]


def glance(data: RunData, tables: Sequence[ProtocolTable]) -> Glance:
    """`tables`: the score tables that stand below it."""
    present = [table for table in tables if table.rows]
    return Glance(_done(data), [_finding(table) for table in present], list(_checks(data, present)))


def _done(data: RunData) -> str:
    kinds = Counter(pair.protocol for pair in data.pairs)
    people = {str(data.clip[name]["identity"]) for pair in data.pairs for name in (pair.source_clip, pair.driving_clip)}
    frames = sum(pair.driving_count for pair in data.pairs)
    each = " and ".join(f"{count:,} {protocol}" for protocol, count in sorted(kinds.items(), reverse=True))
    many = counted(len(people), "identity", "identities")
    return f"{each} {'pair' if len(data.pairs) == 1 else 'pairs'} of {many}, {counted(frames, 'driving frame')}"


def _finding(table: ProtocolTable) -> Finding:
    first = {row.name: row for row in reversed(table.rows)}
    headlines = [first[metric] for metric in HEADLINES[table.protocol] if metric in first]
    few = [f"No difference can be shown with {table.few_identities}."] if table.few_identities else []
    return Finding(table.title, headlines, few or table.verdicts)


def _checks(data: RunData, tables: Sequence[ProtocolTable]) -> Iterator[Check]:
    yield from _people(data, tables)
    yield from _coverage(data)
    dropped = list(_dropped(data.aggregates))
    if dropped:
        more = f" and {len(dropped) - MOST_NAMED} more" if len(dropped) > MOST_NAMED else ""
        yield Check(f"Many values are missing: {'; '.join(dropped[:MOST_NAMED])}{more}.", False)
    else:
        yield Check("No mean lost more than 5 % of its values.", True)


def _people(data: RunData, tables: Sequence[ProtocolTable]) -> Iterator[Check]:
    doubtful = [table for table in tables if table.few_identities]
    for few in dict.fromkeys(table.few_identities for table in doubtful):
        yield Check(f"{few}: intervals over so few mean little, and nothing stands out.", False)
    if tables and not doubtful:
        yield Check(f"Intervals are drawn from {FEW_IDENTITIES} identities or more.", True)


def _coverage(data: RunData) -> Iterator[Check]:
    scored = Counter(renderer for renderer, _ in {key[:2] for key in data.mean})
    total = len(data.pairs)
    for renderer in data.renderers:
        if scored[renderer] < total:
            lost = Counter(str(row["reason"]) for row in data.renders if row["renderer"] == renderer and row["reason"])
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in lost.most_common(MOST_NAMED))
            why = f": {reasons}" if reasons else ""
            yield Check(f"{renderer} has scores of {scored[renderer]:,} of {counted(total, 'pair')}{why}.", False)
    if all(scored[renderer] == total for renderer in data.renderers):
        yield Check(f"Every renderer was scored on all {counted(total, 'pair')}.", True)


def _dropped(aggregates: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """A text per metric and share, of all renderers that it is true of."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in aggregates:
        kept, dropped = line["n_frames"], line["n_dropped"]
        said = drop_caution(kept, dropped) if isinstance(kept, int) and isinstance(dropped, int) else ""
        if said:
            found.setdefault((f"{line['protocol']} {line['metric']}", said), []).append(str(line["renderer"]))
    for (metric, said), renderers in found.items():
        yield f"{metric} of {', '.join(renderers)} {said}"
