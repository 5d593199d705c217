"""Videos that somebody else's method made, taken into a run beside its own renders."""

from collections.abc import Sequence

import pyarrow as pa

from reenactory.flows.run_files import run_path
from reenactory.flows.workplace import Workplace
from reenactory.infra.sources import find_videos, with_digests
from reenactory.infra.tables import get_table, put_table
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.outcomes import Reason
from reenactory.tasks.pairs import Pair
from reenactory.tasks.rendering import RENDERS
from reenactory.tasks.scoring import Scoring


def adopt_renders(place: Workplace, jobs: Scoring, run: str, folder: str, name: str, pairs: Sequence[Pair]) -> None:
    """Take in a folder of videos named after pairs; a pair without one is a row too, with its reason.

    Raises:
        WrongUseError: the run has renders of its own under that name, or no video is named after a pair.
    """
    target = run_path(run, f"renders/{name}.parquet")
    if place.store.exists(target) and "render" in get_table(place.store, target)["stage"].to_pylist():
        raise WrongUseError(f"run {run!r} has renders of its own called {name!r}; take another --name")
    videos = {source.video_id: source for source in with_digests(place.store, find_videos([folder])[0])}
    matched = {pair.pair_id: jobs.adopt(pair, name, videos[pair.pair_id]) for pair in pairs if pair.pair_id in videos}
    if not matched:
        example = pairs[0].pair_id if pairs else "PAIR_ID"
        raise WrongUseError(f"{folder}: no video is named after a pair of run {run!r}, e.g. {example}.mp4")
    place.ledger.add(place.drive(list(matched.values())))
    rows: list[dict[str, object]] = []
    for pair in pairs:
        row: dict[str, object] = {"pair_id": pair.pair_id, "renderer": name, "stage": "adopt"}
        if pair.pair_id not in matched:
            detail = f"no {pair.pair_id}.mp4 in {folder}"
            rows.append({**row, "outcome": "rejected", "reason": Reason.NOT_RENDERED.value, "detail": detail})
            continue
        entry = place.index.get("adopt", matched[pair.pair_id][0].keys[0])
        if entry is not None:
            found = {"render_key": entry.key, "outcome": entry.outcome, "reason": entry.reason, "detail": entry.detail}
            rows.append({**row, **found})
    table = pa.Table.from_pylist(rows, schema=RENDERS)
    put_table(place.store, target, table)
