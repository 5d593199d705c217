"""A comparison of two runs as a table for the terminal."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from reenactory.models.metrics.definition import ARROWS
from reenactory.models.metrics.registry import lookup
from reenactory.tasks.results.paired import Line
from reenactory.tasks.results.reference import in_full

STYLES = {"A better": "green", "A worse": "red"}


def render_comparison(lines: Sequence[Line], reference: str | None = None, one_run: bool = False) -> Table:
    """A row per metric: both means, their difference with its interval, what it shows, pairs won, cautions.

    Of many comparisons only those that `in_full` chooses, which also says what its arguments mean.
    """
    compared = {(line.renderer_a, line.renderer_b) for line in lines}
    told = in_full(compared, reference, one_run)
    table = Table("protocol", "metric", "A", "B", "mean A", "mean B", "A - B [95 %]", "shown", "A won", "n", "people")
    for line in (line for line in lines if (line.renderer_a, line.renderer_b) in told):
        gap = line.paired.difference
        interval = "" if np.isnan(gap.ci_low) else f" [{gap.ci_low:+.4g}, {gap.ci_high:+.4g}]"
        style = STYLES.get(line.verdict)
        won = "" if np.isnan(line.paired.share_won) else f"{line.paired.share_won:.0%} of {line.paired.n_groups}"
        table.add_row(
            line.protocol,
            f"{line.metric} {ARROWS[lookup(line.metric).direction]}",
            line.renderer_a,
            line.renderer_b,
            _number(line.mean_a),
            _number(line.mean_b),
            f"{gap.mean:+.4g}{interval}" if gap.n else "",
            (f"[{style}]{line.verdict}[/]" if style else line.verdict)
            + (f" [yellow]⚠ {line.cautions}[/]" if line.cautions else ""),
            won,
            str(gap.n),
            str(gap.n_clusters),
        )
    table.caption = (
        "Paired on frames (videos, for metrics over time) that both runs scored with the same definition; intervals "
        "resample identities. Won: pairs in whose mean A is better, ties half. →0: distances from zero are compared."
    )
    if len(told) < len(compared):
        table.caption += f" {len(told)} of {len(compared)} comparisons of renderers; the page has all of them."
    return table


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"
