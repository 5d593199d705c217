"""report: a run as one HTML file: scores, outcomes, pictures, curves, and how to run it again."""

from pathlib import Path
from tempfile import TemporaryDirectory

from reenactory.infra.store import Store
from reenactory.tasks.report.carried import carried
from reenactory.tasks.report.clips import clip_sheets
from reenactory.tasks.report.cost import cost
from reenactory.tasks.report.funnel import funnel, rejections
from reenactory.tasks.report.glance import glance
from reenactory.tasks.report.metrics import PROTOCOLS, glossary, protocol_tables
from reenactory.tasks.report.pairs import pair_sheets, pair_table
from reenactory.tasks.report.plots import bin_plots, spread_plots
from reenactory.tasks.report.provenance import provenance
from reenactory.tasks.report.published import published_tables
from reenactory.tasks.report.run import Artefacts, read_run
from reenactory.tasks.report.shown import shown_differences
from reenactory.tasks.report.template import page
from reenactory.tasks.report.tiles import COLUMNS
from reenactory.tasks.results.reference import FLOOR


def write_report(store: Store, run: str) -> None:
    """Write `runs/{run}/report.html` from what the store has of the run.

    One static file: pictures and styles are in it; only the renders' mp4 files are linked, beside it. The same run
    gives the same bytes. Its size is bounded however many pairs there are, and it says what it leaves out.

    Raises:
        MissingObject: the run has no pairs, scores or aggregates: it was not evaluated.
    """
    store.put(f"runs/{run}/report.html", render_report(store, run).encode())


def render_report(store: Store, run: str) -> str:
    """The page itself."""
    data = read_run(store, run)
    with TemporaryDirectory() as cache:
        artefacts = Artefacts(store, Path(cache))
        shown = shown_differences(store, data, Path(cache))
        tables = protocol_tables(data, shown)
        return page("report.html.j2").render(
            data=data,
            glance=glance(data, tables),
            floor=FLOOR,
            columns=COLUMNS,
            tables=tables,
            terms=glossary(data),
            steps=funnel(data),
            rejections=rejections(data),
            clips=clip_sheets(data, artefacts),
            pairs=pair_sheets(data, artefacts),
            every_pair=pair_table(data),
            published=published_tables(data),
            bins={protocol: bin_plots(data, protocol) for protocol in PROTOCOLS},
            spreads={protocol: spread_plots(data, protocol) for protocol in PROTOCOLS},
            cost=cost(store, data),
            again=provenance(data, artefacts),
            carried=carried(data, artefacts),
        )
