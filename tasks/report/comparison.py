"""Two runs as one HTML file: what is shown to differ on the pairs that they share, metric by metric."""

import shlex
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np

from reenactory.infra.executable import own_command
from reenactory.models.metrics.definition import ARROWS
from reenactory.models.metrics.registry import lookup
from reenactory.tasks.report.extremes import Extreme, Extremes, Versus
from reenactory.tasks.report.format import counted, decimals_for, number
from reenactory.tasks.report.groups import GROUPS
from reenactory.tasks.report.matrix import Compared, Matrix, matrix
from reenactory.tasks.report.metrics import PROTOCOLS, anchor_of, terms_of
from reenactory.tasks.report.template import page
from reenactory.tasks.results.cautions import identity_caution
from reenactory.tasks.results.paired import Line
from reenactory.tasks.results.reference import Renderers, in_full

HALF = 50.0  # of the axis of differences, in the drawing's units: zero is in the middle
REACH = 46.0
TONES = {"A better": "better", "A worse": "worse"}


class Side(NamedTuple):
    """One of the two runs."""

    run: str
    dataset: str
    pairs_sha256: str


class Bar(NamedTuple):
    """The difference and its interval on the axis, better for A to the right."""

    at: float
    low: float
    high: float


class ComparisonRow(NamedTuple):
    """One metric."""

    metric: str
    definition: str
    anchor: str
    arrow: str
    unit: str
    caution: str
    mean_a: str
    mean_b: str
    gap: str
    interval: str
    verdict: str
    tone: str  # better or worse, empty where nothing is shown
    won: str
    counts: str
    cautions: str
    bar: Bar | None  # None: no frame that both have


class ComparisonGroup(NamedTuple):
    title: str
    rows: list[ComparisonRow]


class ComparisonTable(NamedTuple):
    """A renderer of A against one of B in one protocol."""

    title: str
    renderer_a: str
    renderer_b: str
    groups: list[ComparisonGroup]
    verdict: str
    few_identities: str
    extremes: list[Extreme]
    in_full: bool  # else it is folded away, and has no pictures
    compared: Compared


def render_comparison_page(
    lines: Sequence[Line],
    a: Side,
    b: Side,
    store_uri: str,
    extremes: Extremes | None,
    cautions: Sequence[str],
    reference: str | None = None,
) -> str:
    """The page itself: static, nothing of it comes over a network. The same lines give the same bytes.

    Args:
        lines: what is compared.
        a, b: the runs.
        store_uri: where both are.
        extremes: None for runs of older versions, which do not know the means of single pairs.
        cautions: what a reader must know of the two runs, in sentences.
        reference: against which renderer all are told in full, where there are many; None: see `in_full`.
    """
    terms = terms_of({(line.metric, line.definition) for line in lines})
    chosen = ["--reference", reference] if reference else []
    command = shlex.join([own_command(), "compare", "--store", store_uri, *chosen, a.run, b.run])
    one_run = a.run == b.run
    tables = _tables(
        lines, extremes, in_full({(line.renderer_a, line.renderer_b) for line in lines}, reference, one_run)
    )
    return page("comparison.html.j2").render(
        tables=tables,
        matrices=[] if all(table.in_full for table in tables) else _matrices(tables, one_run),
        a=a,
        b=b,
        store_uri=store_uri,
        terms=terms,
        command=command,
        cautions=cautions,
    )


def _tables(lines: Iterable[Line], extremes: Extremes | None, told: AbstractSet[Renderers]) -> list[ComparisonTable]:
    """Those that are told in full first, for the page has only so many pictures."""
    sorted_out: dict[Versus, list[Line]] = {}
    for line in lines:
        sorted_out.setdefault(Versus(line.protocol, line.renderer_a, line.renderer_b), []).append(line)
    order = sorted(sorted_out.items(), key=lambda found: found[0][1:] not in told)
    return [
        _table(number, versus, members, extremes if versus[1:] in told else None, versus[1:] in told)
        for number, (versus, members) in enumerate(order, 1)
    ]


def _matrices(tables: Sequence[ComparisonTable], one_run: bool) -> list[Matrix]:
    found: list[Matrix] = []
    for title in dict.fromkeys(table.title for table in tables):
        members = [table for table in tables if table.title == title]
        few = members[0].few_identities if all(table.few_identities for table in members) else ""
        found.append(matrix(title, [table.compared for table in members], one_run, few))
    return found


def _table(
    number: int, versus: Versus, lines: Sequence[Line], extremes: Extremes | None, told: bool
) -> ComparisonTable:
    groups = [
        ComparisonGroup(group.title, [_row(line) for line in lines if line.metric in group.metrics]) for group in GROUPS
    ]
    better, worse = (sum(line.verdict == verdict for line in lines) for verdict in TONES)
    few = identity_caution(max(line.paired.difference.n_clusters for line in lines))
    verdict = f"A is shown to be better on {better} and worse on {worse} of {counted(len(lines), 'metric')}."
    verdict = "" if few else verdict
    title = PROTOCOLS[versus.protocol][0]
    seen = extremes.of(versus, {line.metric for line in lines}) if extremes else []
    groups = [group for group in groups if group.rows]
    compared = Compared(number, *versus[1:], *((0, 0) if few else (better, worse)), len(lines))
    return ComparisonTable(title, *versus[1:], groups, verdict, few, seen, told, compared)


def _row(line: Line) -> ComparisonRow:
    entry, gap = lookup(line.metric), line.paired.difference
    decimals = decimals_for((line.mean_a, line.mean_b))
    known = gap.n > 0 and np.isfinite(gap.ci_low)
    return ComparisonRow(
        metric=line.metric,
        definition=line.definition,
        anchor=anchor_of(line.definition),
        arrow=ARROWS[entry.direction],
        unit=entry.unit,
        caution=entry.caution if line.protocol in entry.caution_for else "",
        mean_a=number(line.mean_a, decimals),
        mean_b=number(line.mean_b, decimals),
        gap=f"{gap.mean:+.4g}" if gap.n else "–",
        interval=f"[{gap.ci_low:+.4g}, {gap.ci_high:+.4g}]" if known else "",
        verdict=line.verdict,
        tone=TONES.get(line.verdict, ""),
        won=""
        if np.isnan(line.paired.share_won)
        else f"{line.paired.share_won:.0%} of {counted(line.paired.n_groups, 'pair')}",
        counts=f"{counted(gap.n, entry.per if entry.per != 'set' else 'value')}, "
        f"{counted(gap.n_clusters, 'identity', 'identities')}",
        cautions=line.cautions,
        bar=_bar(line, entry.direction == "higher"),
    )


def _bar(line: Line, higher: bool) -> Bar | None:
    gap = line.paired.difference
    if not gap.n:
        return None
    ends = [gap.mean if np.isnan(end) else end for end in (gap.mean, gap.ci_low, gap.ci_high)]
    reach = max(abs(end) for end in ends) or 1.0
    at, low, high = (round(HALF + (1 if higher else -1) * REACH * end / reach, 1) for end in ends)
    return Bar(at, *sorted((low, high)))
