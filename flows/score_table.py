"""The scores of a run as a table for the terminal."""

from rich.table import Column, Table
from rich.text import Text

from reenactory.flows.run_files import run_path
from reenactory.infra.store import open_store
from reenactory.infra.tables import get_table
from reenactory.models.metrics.definition import ARROWS
from reenactory.tasks.report.run import FLOOR
from reenactory.tasks.results.score_table import few_identities, renderers_of, score_rows


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
    table.caption = "95 % intervals from a bootstrap over identities" + (
        f": of {few}, they mean little." if few else "."
    )
    return table


def _cell(value: str, interval: str, warning: str) -> Text:
    text = Text(f"{value} {interval}".strip())
    if warning:
        text.append(f" ⚠ {warning}", style="yellow")
    return text
