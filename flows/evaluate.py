"""Every render of a run scored, aggregated and reported."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from reenactory.flows.adoption import adopt_renders
from reenactory.flows.results import write_results
from reenactory.flows.run_files import keep_pairs, read_run_pairs, run_path
from reenactory.flows.workplace import NAME, ShardMap, Where, Workplace, in_order, workplace
from reenactory.infra.outcome_log import OutcomeLog
from reenactory.infra.shards import make_shards
from reenactory.infra.store import Store
from reenactory.infra.summary import Summary
from reenactory.infra.tables import get_table
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.drive import Ledger
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import check_this_machine
from reenactory.tasks.pairs import Pair, read_pairs
from reenactory.tasks.rendering import ClipRow, check_pairs, clip_rows
from reenactory.tasks.report import write_report
from reenactory.tasks.score import Params as ScoreParams
from reenactory.tasks.score import weights as score_weights
from reenactory.tasks.scoring import Rendered, Scoring

WEIGHTS = ("face_landmarker", "sface", "inception_2015")


class EvaluateParams(BaseModel):
    """Knobs of scoring, by stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    score: ScoreParams = Field(default=ScoreParams(), description="Which metrics.")


class EvaluateRequest(Where):
    """Parameters of the `evaluate-report` deployment and of `reenactory evaluate`."""

    run: str = Field(pattern=NAME, description="Name of the run.")
    renders: str | None = Field(
        default=None, description="Folder of videos that another method made, named PAIR_ID.mp4 after the run's pairs."
    )
    name: str = Field(default="external", pattern=NAME, description="With renders: what to call that method.")
    pairs: str | None = Field(default=None, description="Pair file, for a run that has none yet.")
    params: EvaluateParams = Field(default=EvaluateParams(), description="Knobs, by stage.")


def evaluate(request: EvaluateRequest, map_shards: ShardMap[Rendered] = in_order) -> Summary:
    """Score the run's renders (and the folder's, if one is given), then write scores, aggregates and the report."""
    with workplace(request, f"evaluate {request.run}") as place:
        pairs, clips = _pairs_and_clips(place.store, request)
        place.announce(request.run, request)
        jobs = Scoring(clips, request.params.score)
        if request.renders:
            adopt_renders(place, jobs, request.run, request.renders, request.name, pairs)
        rows = list(_render_rows(place.store, request.run))
        rendered = _rendered(rows, pairs)
        weights = (*WEIGHTS, *score_weights(request.params.score))
        place.ledger.add(place.drive(jobs.real_chains([item.pair for item in rendered]), weights=weights))

        def work(shard: Sequence[Rendered]) -> Ledger:
            return place.drive([jobs.chain(item) for item in shard], weights=weights)

        for ledger in map_shards(work, make_shards(rendered, lambda item: item.pair.driving_count)):
            place.ledger.add(ledger)
        scored = [item for item in rendered if _is_scored(place, jobs, item)]
        outputs = write_results(place, request.run, jobs, scored)
        log = OutcomeLog(place.store, request.run, "evaluate")
        log.add({**row, "item": f"{row['renderer']}/{row['pair_id']}"} for row in rows)
        summary = place.summary(log, len(rows), outputs)
        write_report(place.store, request.run)
        return summary


def _pairs_and_clips(store: Store, request: EvaluateRequest) -> tuple[list[Pair], dict[str, ClipRow]]:
    if request.pairs:
        given, named = read_pairs(Path(request.pairs))
        keep_pairs(store, request.run, given, named or "")
    pairs, dataset = read_run_pairs(store, request.run)
    clips = clip_rows(read_clips(store, dataset))
    check_pairs(pairs, clips)
    check_this_machine(clips[pair.driving_clip].get("extractor") for pair in pairs)
    return pairs, clips


def _render_rows(store: Store, run: str) -> Iterator[dict[str, object]]:
    paths = [path for path in store.list(run_path(run, "renders/")) if path.endswith(".parquet")]
    if not paths:
        raise WrongUseError(f"run {run!r} has no renders; make some with `reenactory render`, or give --renders DIR")
    for path in paths:
        yield from get_table(store, path).to_pylist()


def _rendered(rows: Sequence[dict[str, object]], pairs: Sequence[Pair]) -> list[Rendered]:
    by_id = {pair.pair_id: pair for pair in pairs}
    return [
        Rendered(by_id[str(row["pair_id"])], str(row["renderer"]), str(row["stage"]), str(row["render_key"]))
        for row in rows
        if row["outcome"] == "done"
    ]


def _is_scored(place: Workplace, jobs: Scoring, item: Rendered) -> bool:
    score = jobs.chain(item)[-1]
    entry = place.index.get(score.stage, score.keys[0])
    return entry is not None and entry.outcome == "done"
