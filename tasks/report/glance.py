"""The first thing on the page: what the run found, and whether it can be believed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from reenactory.models.metrics.registry import KNOWN
from reenactory.tasks.report.format import counted
from reenactory.tasks.report.metrics import ProtocolTable, Row
from reenactory.tasks.report.provenance import for_people
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
    sources = {_person(data, pair.source_clip) for pair in data.pairs}
    people = sources | {_person(data, pair.driving_clip) for pair in data.pairs}
    frames = sum(pair.driving_count for pair in data.pairs)
    each = " and ".join(f"{count:,} {protocol}" for protocol, count in sorted(kinds.items(), reverse=True))
    many = counted(len(sources), "source identity", "source identities")
    many += f" ({len(people):,} with the drivers)" if people > sources else ""
    return f"{each} {'pair' if len(data.pairs) == 1 else 'pairs'} of {many}, {counted(frames, 'driving frame')}"


def _person(data: RunData, clip: str) -> str:
    return str(data.clip[clip]["identity"])


def _finding(table: ProtocolTable) -> Finding:
    first = {row.name: row for row in reversed(table.rows)}
    headlines = [first[metric] for metric in HEADLINES[table.protocol] if metric in first]
    few = [f"No difference can be shown with {table.few_identities}."] if table.few_identities else []
    return Finding(table.title, headlines, few or table.verdicts)


def _checks(data: RunData, tables: Sequence[ProtocolTable]) -> Iterator[Check]:
    yield from _people(data, tables)
    yield from _coverage(data)
    yield from (Check(f"{name}: {said}", False) for name in data.renderers for said in for_people(data, name))
    dropped = list(_dropped(data.aggregates))
    if dropped:
        more = f" and {len(dropped) - MOST_NAMED} more" if len(dropped) > MOST_NAMED else ""
        told = "; ".join(lost.text for lost in dropped[:MOST_NAMED])
        yield Check(f"Many values are missing: {told}{more}.{''.join(_why(dropped[:MOST_NAMED]))}", False)
    else:
        yield Check("No mean lost more than 5 % of its values.", True)


def _people(data: RunData, tables: Sequence[ProtocolTable]) -> Iterator[Check]:
    doubtful = [table for table in tables if table.few_identities]
    for few in dict.fromkeys(table.few_identities for table in doubtful):
        yield Check(f"{few}: intervals over so few mean little, and nothing stands out.", False)
    if tables and not doubtful:
        yield Check(f"Intervals are drawn from {FEW_IDENTITIES} source identities or more.", True)


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


class Lost(NamedTuple):
    """Values of a metric that are missing."""

    metric: str
    text: str  # of which protocol and renderers, and what share


def _dropped(aggregates: Sequence[Mapping[str, object]]) -> Iterator[Lost]:
    """One per metric and share, of all renderers that it is true of."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for line in aggregates:
        kept, dropped = line["n_frames"], line["n_dropped"]
        said = drop_caution(kept, dropped) if isinstance(kept, int) and isinstance(dropped, int) else ""
        if said:
            names = str(line["protocol"]), str(line["metric"]), said
            found.setdefault(names, []).append(str(line["renderer"]))
    for (protocol, metric, said), renderers in found.items():
        yield Lost(metric, f"{protocol} {metric} of {', '.join(renderers)} {said}")


def _why(lost: Sequence[Lost]) -> Iterator[str]:
    """A sentence per reason, of all metrics that it is true of."""
    reasons: dict[str, list[str]] = {}
    for metric in dict.fromkeys(one.metric for one in lost if one.metric in KNOWN):
        reasons.setdefault(KNOWN[metric].why_missing, []).append(metric)
    for reason, metrics in reasons.items():
        yield f" No value of {', '.join(metrics)} where {reason}."
