"""The scores of a run as a table for the terminal."""

from collections.abc import Iterator, Sequence

from rich.table import Column, Table
from rich.text import Text

from reenactory.flows.run_files import run_path
from reenactory.infra.store import open_store
from reenactory.infra.tables import get_table
from reenactory.models.metrics.definition import ARROWS
from reenactory.tasks.results.reference import FLOOR
from reenactory.tasks.results.score_table import Row, few_identities, renderers_of, score_rows


def render_scores(store_uri: str, run: str) -> Table:
    """A row per metric, a column per renderer: value, interval, and a warning where too much was dropped."""
    rows = score_rows(get_table(open_store(store_uri, create=False), run_path(run, "aggregates.parquet")).to_pylist())
    renderers = renderers_of(rows, FLOOR)
    table = Table("protocol", "metric", *(Column(Text(name)) for name in renderers))
    for row in rows:
        arrow = ARROWS[row.entry.direction] if row.entry else ""
        unit = f" {row.entry.unit}" if row.entry and row.entry.unit else ""
        cells = [_cell(*row.texts(renderer)) for renderer in renderers]
        table.add_row(row.protocol, Text(f"{row.metric} {arrow}{unit}"), *cells)
    few = few_identities(rows)
    lines = ["95 % intervals from a bootstrap over identities" + (f": of {few}, they mean little." if few else ".")]
    table.caption = "\n".join([*lines, *_why_dropped(rows, renderers)])
    return table


def _why_dropped(rows: Sequence[Row], renderers: Sequence[str]) -> Iterator[str]:
    """A line per reason, of all metrics whose warning says that values were dropped."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        told = any("dropped" in row.texts(renderer)[2] for renderer in renderers)
        if told and row.entry and row.metric not in reasons.setdefault(row.entry.why_missing, []):
            reasons[row.entry.why_missing].append(row.metric)
    for reason, metrics in reasons.items():
        yield f"No value of {', '.join(metrics)} where {reason}."


def _cell(value: str, interval: str, warning: str) -> Text:
    text = Text(f"{value} {interval}".strip())
    if warning:
        text.append(f" ⚠ {warning}", style="yellow")
    return text
