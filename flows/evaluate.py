"""Every render of a run scored, aggregated and reported."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reenactory.flows.adoption import Brought, adopt_renders
from reenactory.flows.again import announce
from reenactory.flows.results import REPORT, TABLES, report_made_of, tables_made_of, write_results
from reenactory.flows.run_files import keep_pairs, read_run_pairs, run_pair_list, run_path
from reenactory.flows.views import Views
from reenactory.flows.workplace import Name, ShardMap, Where, Workplace, in_order, workplace
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
from reenactory.tasks.results.aggregate import PairInfo
from reenactory.tasks.results.pooling import Pooling, poolings
from reenactory.tasks.running.drive import Ledger
from reenactory.tasks.running.rates import seconds_needed, seconds_per_frame
from reenactory.tasks.score import Params as ScoreParams
from reenactory.tasks.score import weights as score_weights
from reenactory.tasks.scoring import Rendered, Scored, Scoring

PANEL = re.compile(r"[1-9]\d*/[1-9]\d*")
TABLES_S, REPORT_S = 2.0, 20.0  # of a run whose tables and report were never written, for the time left
WEIGHTS = ("face_landmarker", "sface", "inception_2015")


class EvaluateParams(BaseModel):
    """Knobs of scoring, by stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    score: ScoreParams = Field(default=ScoreParams(), description="Which metrics.")


class EvaluateRequest(Where):
    """Parameters of the `evaluate-report` deployment and of `reenactory evaluate`."""

    run: Name = Field(description="Name of the run.")
    renders: str | None = Field(
        default=None,
        description="Folder of another method's renders, named after the run's pairs: videos PAIR_ID.mp4, or folders "
        "PAIR_ID of numbered PNG or JPEG.",
    )
    name: Name = Field(default="external", description="With renders: what to call that method.")
    panel: str | None = Field(default=None, description="With renders: I/N cuts the I-th of N equal panels.")
    first_frame: FirstFrame = Field(default="driven", description="With renders: what each begins with (stage adopt).")
    pairs: str | None = Field(default=None, description="Pair file, for a run that has none yet.")
    dataset: Name | None = Field(default=None, description="With pairs. Default: the one that the pair file names.")
    params: EvaluateParams = Field(default=EvaluateParams(), description="Knobs, by stage.")

    @field_validator("panel")
    @classmethod
    def _is_a_panel(cls, panel: str | None) -> str | None:
        if panel is not None and not PANEL.fullmatch(panel):
            raise ValueError("a panel is I/N, e.g. 2/4 for the second of four from the left")
        return panel


def evaluate(request: EvaluateRequest, map_shards: ShardMap[Rendered] = in_order) -> Summary:
    """Score the run's renders (and the folder's, if one is given), then write scores, aggregates and the report."""
    if request.panel and not request.renders:
        raise WrongUseError("--panel says where in the pictures of --renders DIR the render is; give both")
    if request.first_frame != "driven" and not request.renders:
        raise WrongUseError("--first-frame says what the videos of --renders DIR begin with; give both")
    if request.dataset and not request.pairs:
        raise WrongUseError("--dataset goes with --pairs FILE; a run that has pairs knows its dataset")
    with workplace(request, f"evaluate {request.run}", f"runs/{request.run}") as place:
        pairs, clips = _pairs_and_clips(place.store, request)
        for plan in ("evaluate", *([f"adopt-{request.name}"] if request.renders else [])):
            announce(place.store, request.run, plan, "evaluate", request)
        jobs = Scoring(clips, request.params.score)
        if request.renders:
            brought = Brought(request.renders, request.name, request.panel, request.first_frame)
            adopt_renders(place, jobs, request.run, brought, pairs)
        rows = list(_render_rows(place.store, request.run))
        rendered = _rendered(rows, pairs)
        place.tally.estimate = _seconds_needed(place, jobs, rendered)
        weights = (*WEIGHTS, *score_weights(request.params.score))
        place.ledger.add(place.drive(jobs.real_chains([item.pair for item in rendered]), weights=weights))

        def work(shard: Sequence[Rendered]) -> Ledger:
            return place.drive([jobs.chain(item) for item in shard], weights=weights)

        for ledger in map_shards(work, make_shards(rendered, lambda item: item.pair.driving_count), place.tally):
            place.ledger.add(ledger)
        scored = list(_scored(place, jobs, rendered))
        info = {pair.pair_id: PairInfo(pair.protocol, str(clips[pair.source_clip]["identity"])) for pair in pairs}
        return _close(place, request.run, clips, rows, _Results(scored, info, _pooled(place, scored, info)))


class _Results(NamedTuple):
    """What the tables of a run are made of."""

    scored: Sequence[Scored]
    pairs: Mapping[str, PairInfo]
    pooled: Sequence[Pooling]


def _pooled(place: Workplace, scored: Sequence[Scored], info: Mapping[str, PairInfo]) -> list[Pooling]:
    """FID and KID, as far as they did not fail: the run's other numbers are worth having without them."""
    wanted = list(poolings(scored, info))
    place.ledger.add(place.drive((pooling.job,) for pooling in wanted))
    return [one for one in wanted if all(place.index.get("pool", key) is not None for key in one.job.keys)]


def _close(
    place: Workplace, run: str, clips: Mapping[str, ClipRow], rows: Sequence[dict[str, object]], results: _Results
) -> Summary:
    """Tables, summary and report. The tables and the report are left as they are where nothing has changed."""
    store, views = place.store, Views(place.store, run)
    with place.tally.working("writing the tables", views.seconds("tables", TABLES_S)):
        made_of = tables_made_of(*results)
        tables = views.write("tables", made_of, list(TABLES.values()), lambda: write_results(store, run, *results))
    log = OutcomeLog(store, run, "evaluate")
    log.add({**row, "item": f"{row['renderer']}/{row['pair_id']}"} for row in rows)
    outputs = {name: f"{store.uri}/{run_path(run, file)}" for name, file in {**TABLES, "report": REPORT}.items()}
    summary = place.summary(log, len(rows), outputs, run_pair_list(store, run, clips))
    _, dataset = read_run_pairs(store, run)
    with place.tally.working("writing the report", views.seconds("report", REPORT_S)):
        made_of = [tables, report_made_of(store, run, dataset)]
        views.write("report", made_of, [REPORT], lambda: write_report(store, run))
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


def _scored(place: Workplace, jobs: Scoring, rendered: Sequence[Rendered]) -> Iterator[Scored]:
    for item in rendered:
        _, looking, scoring = jobs.chain(item)
        entry = place.index.get(scoring.stage, scoring.keys[0])
        if entry is not None and entry.outcome == "done":
            dropped = item.pair.driving_count - int(str(entry.facts["valid"]))
            yield Scored(item, scoring.keys[0], looking.keys[0], jobs.driving_features(item.pair), dropped)


def _seconds_needed(place: Workplace, jobs: Scoring, rendered: Sequence[Rendered]) -> float:
    """Of one worker, for the time left: nothing where all is scored."""
    needed = seconds_needed(place.index, jobs.real_chains([item.pair for item in rendered]))
    needed += seconds_needed(place.index, (jobs.chain(item) for item in rendered))
    if not needed:
        return 0.0
    frames = sum(item.pair.driving_count for item in rendered)
    return needed + frames * seconds_per_frame(place.index, "pool") + TABLES_S + REPORT_S
