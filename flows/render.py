"""A pair file and a renderer in, one render per pair out."""

from collections.abc import Sequence, Set
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from pydantic import Field

from reenactory.flows.run_files import keep_pairs, run_pair_list, run_path
from reenactory.flows.workplace import NAME, ShardMap, Where, Workplace, in_order, workplace
from reenactory.infra.outcome_log import OutcomeLog
from reenactory.infra.records import artefact_path
from reenactory.infra.shards import make_shards
from reenactory.infra.store import Store
from reenactory.infra.summary import Summary
from reenactory.infra.tables import get_table, put_table
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair, read_pairs
from reenactory.tasks.renderers import renderer_class
from reenactory.tasks.rendering import RENDERS, Rendering, check_pairs, check_understood, clip_rows
from reenactory.tasks.running.drive import Ledger


class RenderRequest(Where):
    """Parameters of the `render-batch` deployment and of `reenactory render`."""

    pairs: str = Field(description="Pair file (Parquet or CSV).")
    renderer: str = Field(description="Name of an installed renderer, e.g. copy or warp.")
    run: str = Field(pattern=NAME, description="Name of the run; several renderers may share one.")
    dataset: str | None = Field(default=None, description="Default: the one that the pair file names.")


def render(request: RenderRequest, map_shards: ShardMap[Pair] = in_order) -> Summary:
    """Render every pair; what was rendered before is not rendered again."""
    renderer_class(request.renderer)  # an unknown name ends here, before the run has a trace in the store
    pairs, named, drawn_by = read_pairs(Path(request.pairs))
    dataset = request.dataset or named
    if not dataset:
        raise WrongUseError(f"{request.pairs} does not say which dataset its clips are of; give --dataset")
    with workplace(request, f"render {request.renderer}", f"runs/{request.run}") as place:
        clips = clip_rows(read_clips(place.store, dataset))
        check_pairs(pairs, clips)
        check_understood(renderer_class(request.renderer).card, pairs, clips)
        jobs = Rendering(request.renderer, clips)
        keep_pairs(place.store, request.run, pairs, dataset, drawn_by)
        place.announce(request.run, request)

        def work(shard: Sequence[Pair]) -> Ledger:
            return place.drive([jobs.chain(pair) for pair in shard])

        for ledger in map_shards(work, make_shards(pairs, lambda pair: pair.driving_count), place.tally):
            place.ledger.add(ledger)
        rows = [row for pair in pairs if (row := jobs.row(pair, place.index)) is not None]
        listing = run_path(request.run, f"renders/{request.renderer}.parquet")
        _publish(place, request, rows, _published(place.store, listing))
        put_table(place.store, listing, pa.Table.from_pylist(rows, schema=RENDERS))
        outputs = {"renders": f"{place.store.uri}/{run_path(request.run, 'renders')}"}
        log = OutcomeLog(place.store, request.run, f"render-{request.renderer}")
        log.add({**row, "item": f"{row['renderer']}/{row['pair_id']}"} for row in rows)
        return place.summary(log, len(pairs), outputs, run_pair_list(place.store, request.run, clips))


def _published(store: Store, listing: str) -> set[str]:
    """Keys of the renders that an earlier pass gave their names in this run."""
    return set(get_table(store, listing)["render_key"].to_pylist()) if store.exists(listing) else set()


def _publish(place: Workplace, request: RenderRequest, rows: Sequence[dict[str, object]], known: Set[str]) -> None:
    """The mp4 of each render under a name that a person can find it by; that of an older renderer is replaced."""
    with TemporaryDirectory() as cache:
        for row in rows:
            target = run_path(request.run, f"renders/{row['pair_id']}__{request.renderer}.mp4")
            if row["outcome"] == "done" and not (row["render_key"] in known and place.store.exists(target)):
                video = artefact_path("render", str(row["render_key"]), "render.mp4")
                place.store.put_file(target, place.store.local_path(video, Path(cache)))
