"""What `preprocess` would do, before anybody waits for it: cached, to compute, how long."""

from collections.abc import Iterator

from rich.table import Table

from reenactory.flows.closing import duration
from reenactory.flows.preprocess import PreprocessRequest, preprocessing
from reenactory.infra.index import RecordIndex, rebuild_index
from reenactory.infra.receipts import Receipts
from reenactory.infra.settings import Settings, default_workers
from reenactory.infra.sources import find_videos, with_digests
from reenactory.infra.store import open_store
from reenactory.tasks.preprocess import STAGES
from reenactory.tasks.running.planning import Plan, plan_videos


def plan(request: PreprocessRequest, rebuild: bool = False) -> Plan:
    """The plan of a request over its store; with `rebuild` the index is first written anew from the records."""
    store = open_store(request.store)
    if rebuild:
        rebuild_index(store)
    sources = with_digests(store, find_videos(request.inputs)[0])
    workers = default_workers() if request.workers is None else max(1, request.workers)
    receipts = Receipts(store, request.dataset, believed=not request.retry)
    return plan_videos(preprocessing(request), sources, RecordIndex(store, request.retry), workers, receipts)


def render_plan(made: Plan) -> Table:
    """The plan as a table; the last line gives the hours."""
    table = Table("stage", "cached", "to compute", "frames", "frames/s of a worker", "from")
    for stage in STAGES:
        rate = made.seconds_per_frame[stage]
        speed = f"{1 / rate:.1f}" if rate else "-"
        origin = "measured in this store" if made.measured[stage] else "typical (nothing measured here yet)"
        table.add_row(
            stage, str(made.cached[stage]), str(made.to_compute[stage]), str(made.frames[stage]), speed, origin
        )
    table.caption = " ".join(_sentences(made))
    return table


def _sentences(made: Plan) -> Iterator[str]:
    """What it comes to; of estimates only where there are any."""
    who = f"{made.videos} videos, {made.workers} workers"
    if not made.to_compute.total() and not made.empty:
        yield f"{who}: nothing left to compute."
        return
    price = Settings().price_per_hour
    cost = "" if price is None else f", cost {price * made.compute_seconds / 3600:.2f}"
    yield f"{who}: about {duration(made.hours * 3600)}{cost}."
    if made.empty:
        yield f"{made.empty} will be rejected, for they are empty (EMPTY_FILE)."
    if made.to_compute["track"]:
        yield "Frames of videos whose clips are not known yet are estimated from file sizes."
