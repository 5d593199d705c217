"""The videos of a run under names that people find them by, each with its provenance beside it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from reenactory.flows.run_files import run_path
from reenactory.flows.workplace import Workplace
from reenactory.infra.records import artefact_path, read_record
from reenactory.infra.store import MissingObject, Store
from reenactory.tasks.pairs import Pair
from reenactory.tasks.provenance import sidecar
from reenactory.tasks.publish import VIDEO
from reenactory.tasks.rendering import Rendering

Row = Mapping[str, object]  # of RENDERS


def publish(
    place: Workplace, run: str, dataset: str, jobs: Rendering, pairs: Sequence[Pair], rows: Sequence[Row]
) -> None:
    """PAIR__RENDERER.mp4 and .json of every render that has an mp4.

    Those of an older render are replaced; those of a pair that is rejected now go.
    """
    by_id = {pair.pair_id: pair for pair in pairs}
    with TemporaryDirectory() as cache:
        for row in rows:
            name = run_path(run, f"renders/{row['pair_id']}__{jobs.renderer}")
            video, told = f"{name}.mp4", f"{name}.json"
            if row["outcome"] != "done":
                for path in (told, video):
                    place.store.delete(path)
                continue
            if row["publish_key"] is None:
                place.notes.append(f"{row['renderer']}/{row['pair_id']} was rendered, and could not be made an mp4")
                continue
            if _is_told(place.store, told, row) and place.store.exists(video):
                continue
            place.store.delete(told)  # it vouches for the video beside it, so it goes first and comes last
            made = artefact_path("publish", str(row["publish_key"]), VIDEO)
            place.store.put_file(video, place.store.local_path(made, Path(cache)))
            place.store.put(told, _provenance(place.store, run, dataset, jobs, by_id[str(row["pair_id"])], row))


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


def _is_told(store: Store, path: str, row: Row) -> bool:
    """Whether the sidecar that is there is of this very mp4, and of this manifest."""
    try:
        said = json.loads(store.get(path))
    except MissingObject:
        return False
    return bool((said["keys"]["publish"], said["consent_sha256"]) == (row["publish_key"], row["consent"]))
