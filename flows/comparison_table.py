"""A comparison of two runs as a table for the terminal."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from reenactory.models.metrics.definition import ARROWS
from reenactory.models.metrics.registry import lookup
from reenactory.tasks.results.paired import Line

STYLES = {"A better": "green", "A worse": "red"}


def render_comparison(lines: Sequence[Line]) -> Table:
    """A row per metric: both means, their difference with its interval, what it shows, pairs won, cautions."""
    table = Table("protocol", "metric", "A", "B", "mean A", "mean B", "A - B [95 %]", "shown", "A won", "n", "people")
    for line in lines:
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
    return table


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"
