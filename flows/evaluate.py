"""Every render of a run scored, aggregated and reported."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from reenactory.flows.adoption import Brought, adopt_renders
from reenactory.flows.again import announce
from reenactory.flows.results import write_results
from reenactory.flows.run_files import keep_pairs, read_run_pairs, run_pair_list, run_path
from reenactory.flows.workplace import NAME, ShardMap, Where, Workplace, in_order, workplace
from reenactory.infra.outcome_log import OutcomeLog
from reenactory.infra.shards import make_shards
from reenactory.infra.store import Store
from reenactory.infra.summary import Summary
from reenactory.infra.tables import get_table
from reenactory.tasks.adopt import FirstFrame
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import check_this_machine
from reenactory.tasks.pairs import Pair, read_pairs
from reenactory.tasks.rendering import ClipRow, check_pairs, clip_rows
from reenactory.tasks.report import write_report
from reenactory.tasks.running.drive import Ledger
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
        default=None,
        description="Folder of another method's renders, named after the run's pairs: videos PAIR_ID.mp4, or folders "
        "PAIR_ID of numbered PNG or JPEG.",
    )
    name: str = Field(default="external", pattern=NAME, description="With renders: what to call that method.")
    panel: str | None = Field(
        default=None, pattern=r"^[1-9]\d*/[1-9]\d*$", description="With renders: I/N cuts the I-th of N equal panels."
    )
    first_frame: FirstFrame = Field(default="driven", description="With renders: what each begins with (stage adopt).")
    pairs: str | None = Field(default=None, description="Pair file, for a run that has none yet.")
    dataset: str | None = Field(
        default=None, pattern=NAME, description="With pairs. Default: the one that the pair file names."
    )
    params: EvaluateParams = Field(default=EvaluateParams(), description="Knobs, by stage.")


def evaluate(request: EvaluateRequest, map_shards: ShardMap[Rendered] = in_order) -> Summary:
    """Score the run's renders (and the folder's, if one is given), then write scores, aggregates and the report."""
    if request.panel and not request.renders:
        raise WrongUseError("--panel says where in the pictures of --renders DIR the render is; give both")
    if request.first_frame != "driven" and not request.renders:
        raise WrongUseError("--first-frame says what the videos of --renders DIR begin with; give both")
    if request.dataset and not request.pairs:
        raise WrongUseError("--dataset goes with --pairs FILE; a run that has pairs knows its dataset")
    with workplace(request, f"evaluate {request.run}") as place:
        pairs, clips = _pairs_and_clips(place.store, request)
        for plan in ("evaluate", *([f"adopt-{request.name}"] if request.renders else [])):
            announce(place.store, request.run, plan, "evaluate", request)
        jobs = Scoring(clips, request.params.score)
        if request.renders:
            brought = Brought(request.renders, request.name, request.panel, request.first_frame)
            adopt_renders(place, jobs, request.run, brought, pairs)
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
        summary = place.summary(log, len(rows), outputs, run_pair_list(place.store, request.run, clips))
        write_report(place.store, request.run)
        return summary


def _pairs_and_clips(store: Store, request: EvaluateRequest) -> tuple[list[Pair], dict[str, ClipRow]]:
    if request.pairs:
        _take_pairs(store, request, Path(request.pairs))
    pairs, dataset = read_run_pairs(store, request.run)
    clips = clip_rows(read_clips(store, dataset))
    check_pairs(pairs, clips)
    check_this_machine(clips[pair.driving_clip].get("extractor") for pair in pairs)
    return pairs, clips


def _take_pairs(store: Store, request: EvaluateRequest, path: Path) -> None:
    """The file's pairs as those of the run; nothing is left behind by pairs that cannot be scored."""
    given, named, drawn_by = read_pairs(path)
    dataset = request.dataset or named
    if not dataset:
        raise WrongUseError(f"{path} does not say which dataset its clips are of; give --dataset")
    check_pairs(given, clip_rows(read_clips(store, dataset)))
    keep_pairs(store, request.run, given, dataset, drawn_by)


def _render_rows(store: Store, run: str) -> Iterator[dict[str, object]]:
    paths = [path for path in store.list(run_path(run, "renders/")) if path.endswith(".parquet")]
    if not paths:
        raise WrongUseError(f"run {run!r} has no renders; make some with `reenactory render`, or give --renders DIR")
    for path in paths:
        yield from get_table(store, path).to_pylist()


def _rendered(rows: Sequence[dict[str, object]], pairs: Sequence[Pair]) -> list[Rendered]:
    """What there is to score. In an order of its own, not the pair file's: sums depend on it in the last digit."""
    by_id = {pair.pair_id: pair for pair in pairs}
    found = [
        Rendered(by_id[str(row["pair_id"])], str(row["renderer"]), str(row["stage"]), str(row["render_key"]))
        for row in rows
        if row["outcome"] == "done"
    ]
    return sorted(found, key=lambda item: (item.renderer, item.pair.pair_id))


def _is_scored(place: Workplace, jobs: Scoring, item: Rendered) -> bool:
    score = jobs.chain(item)[-1]
    entry = place.index.get(score.stage, score.keys[0])
    return entry is not None and entry.outcome == "done"
