"""A pair file and a renderer in, one render per pair out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pydantic import Field

from reenactory.flows.again import announce
from reenactory.flows.publishing import publish
from reenactory.flows.run_files import keep_pairs, pair_file, run_pair_list, run_path
from reenactory.flows.workplace import Name, ShardMap, Where, in_order, workplace
from reenactory.infra.outcome_log import OutcomeLog
from reenactory.infra.shards import make_shards
from reenactory.infra.summary import Summary
from reenactory.infra.tables import put_table
from reenactory.tasks.consent import Consent, asked_consent
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.outcomes import Reason
from reenactory.tasks.pairs import Pair, read_pairs
from reenactory.tasks.publish import Params as PublishParams
from reenactory.tasks.renderers import renderer_class
from reenactory.tasks.rendering import RENDERS, ClipRow, Rendering, check_pairs, check_understood, clip_rows
from reenactory.tasks.running.drive import Ledger

NAMING_S = 0.05  # per video: two files, each brought safely to the disk


class RenderRequest(Where):
    """Parameters of the `render-batch` deployment and of `reenactory render`."""

    pairs: str = Field(description="Pair file (Parquet or CSV).")
    renderer: str = Field(description="Name of an installed renderer, e.g. copy or warp.")
    run: Name = Field(description="Name of the run; several renderers may share one.")
    dataset: str | None = Field(default=None, description="Default: the one that the pair file names.")
    label: bool = Field(default=True, description="Write 're-enacted: RENDERER' into the videos for people.")
    watermark: bool = Field(default=True, description="Hide the render's id in the videos for people.")
    consent: str | None = Field(
        default=None, description="Consent manifest (CSV, Parquet, TOML): pairs without consent are rejected."
    )
    require_consent: bool = Field(default=False, description="Refuse to start without a consent manifest.")


def render(request: RenderRequest, map_shards: ShardMap[Pair] = in_order) -> Summary:
    """Render every pair that may be; what was rendered before is not rendered again."""
    consent = asked_consent(request.consent, request.require_consent)
    renderer_class(request.renderer)  # an unknown name ends here, before the run has a trace in the store
    pairs, named, drawn_by = read_pairs(Path(request.pairs))
    dataset = request.dataset or named
    if not dataset:
        raise WrongUseError(f"{request.pairs} does not say which dataset its clips are of; give --dataset")
    with workplace(request, f"render {request.renderer}", f"runs/{request.run}") as place:
        clips = clip_rows(read_clips(place.store, dataset))
        check_pairs(pairs, clips)
        check_understood(renderer_class(request.renderer).card, pairs, clips)
        refused = _refusals(request.renderer, pairs, clips, consent)
        allowed = [pair for pair in pairs if pair.pair_id not in refused]
        jobs = Rendering(request.renderer, clips, PublishParams(label=request.label, watermark=request.watermark))
        keep_pairs(place.store, request.run, pairs, dataset, drawn_by)
        kept = request.model_copy(update={"pairs": pair_file(place.store, request.run, request.pairs, pairs)})
        announce(place.store, request.run, f"render-{request.renderer}", "render", kept)
        if consent is not None:
            refusals = f"{len(refused)} of {len(pairs)} pairs refused" if refused else "all pairs agreed to"
            place.notes.append(f"consent: manifest sha256 {consent.sha256}, {refusals}")

        def work(shard: Sequence[Pair]) -> Ledger:
            return place.drive([jobs.chain(pair) for pair in shard])

        for ledger in map_shards(work, make_shards(allowed, lambda pair: pair.driving_count), place.tally):
            place.ledger.add(ledger)
        enforced = {"consent": consent.sha256 if consent else None}
        rows = [
            {**row, **enforced}
            for pair in pairs
            if (row := refused.get(pair.pair_id) or jobs.row(pair, place.index)) is not None
        ]
        with place.tally.working("naming the videos", NAMING_S * len(rows)):
            publish(place, request.run, dataset, jobs, pairs, rows)
        listing = run_path(request.run, f"renders/{request.renderer}.parquet")
        put_table(place.store, listing, pa.Table.from_pylist(rows, schema=RENDERS))
        outputs = {"renders": f"{place.store.uri}/{run_path(request.run, 'renders')}"}
        log = OutcomeLog(place.store, request.run, f"render-{request.renderer}")
        log.add({**row, "item": f"{row['renderer']}/{row['pair_id']}"} for row in rows)
        return place.summary(log, len(pairs), outputs, run_pair_list(place.store, request.run, clips))


def _refusals(
    renderer: str, pairs: Sequence[Pair], clips: Mapping[str, ClipRow], consent: Consent | None
) -> dict[str, dict[str, object]]:
    """The run's row of each pair that the manifest does not allow, by pair id.

    Decided anew by each run, before there are jobs: a refusal has no record, for consent may be given tomorrow.
    """
    if consent is None:
        return {}
    today = datetime.now(UTC).date()
    identities = {name: str(row["identity"]) for name, row in clips.items()}
    reasons = {pair.pair_id: consent.refusal(pair, identities, today) for pair in pairs}
    plain = {"renderer": renderer, "stage": "render", "outcome": "rejected", "reason": Reason.NO_CONSENT.value}
    return {name: {"pair_id": name, **plain, "detail": why} for name, why in reasons.items() if why is not None}
