"""The videos of a run under names that people find them by, each with its provenance beside it."""

import json
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from tempfile import TemporaryDirectory

from reenactory.flows.run_files import run_path
from reenactory.flows.workplace import Workplace
from reenactory.infra.records import artefact_path, read_record
from reenactory.infra.store import Store
from reenactory.infra.tables import get_table
from reenactory.tasks.pairs import Pair
from reenactory.tasks.provenance import sidecar
from reenactory.tasks.publish import VIDEO
from reenactory.tasks.rendering import Rendering

Row = Mapping[str, object]  # of RENDERS
Version = tuple[object, object]  # key of the mp4 and sha256 of the manifest: what the two files depend on


def published_before(store: Store, listing: str) -> set[Version]:
    """What an earlier pass has given its names in this run."""
    return {_version(row) for row in get_table(store, listing).to_pylist()} if store.exists(listing) else set()


def publish(
    place: Workplace,
    run: str,
    dataset: str,
    jobs: Rendering,
    pairs: Mapping[str, Pair],
    rows: Sequence[Row],
    known: Set[Version],
) -> None:
    """PAIR__RENDERER.mp4 and .json of every render that has an mp4; those of another render, or of a pair that was
    refused since, go.

    Args:
        pairs: by pair id.
    """
    with TemporaryDirectory() as cache:
        for row in rows:
            name = run_path(run, f"renders/{row['pair_id']}__{jobs.renderer}")
            video, told = f"{name}.mp4", f"{name}.json"
            if row["outcome"] != "done":
                for path in (video, told):
                    place.store.delete(path)
                continue
            if row["publish_key"] is None:
                place.notes.append(f"{row['renderer']}/{row['pair_id']} was rendered, and could not be made an mp4")
                continue
            if _version(row) in known and place.store.exists(video) and place.store.exists(told):
                continue
            made = artefact_path("publish", str(row["publish_key"]), VIDEO)
            place.store.put_file(video, place.store.local_path(made, Path(cache)))
            place.store.put(told, _provenance(place.store, run, dataset, jobs, pairs[str(row["pair_id"])], row))


def _provenance(store: Store, run: str, dataset: str, jobs: Rendering, pair: Pair, row: Row) -> bytes:
    rendered = read_record(store, "render", str(row["render_key"]))
    published = read_record(store, "publish", str(row["publish_key"]))
    if rendered is None or published is None:
        raise RuntimeError(
            f"{row['renderer']}/{pair.pair_id}: its records went while the run was under way; run it again"
        )
    consent = None if row["consent"] is None else str(row["consent"])
    told = sidecar(jobs.origin(pair), run, dataset, consent, rendered, published)
    return (json.dumps(told, indent=1) + "\n").encode()


def _version(row: Row) -> Version:
    return row.get("publish_key"), row.get("consent")
