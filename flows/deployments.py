"""The same jobs as Prefect flows: shards as tasks, outcomes and results as artifacts."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, TypeVar, cast

from prefect import flow, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from reenactory.flows.evaluate import EvaluateRequest, evaluate
from reenactory.flows.preprocess import PreprocessRequest, preprocess
from reenactory.flows.render import RenderRequest, render
from reenactory.flows.workplace import ShardMap, ShardWork
from reenactory.infra.summary import Summary
from reenactory.tasks.outcomes import MEANING, Reason
from reenactory.tasks.running.drive import Ledger

Item = TypeVar("Item")

# Two shards at a time: while the last clips of one keep some workers busy, the next one feeds the others.
SHARDS_AT_ONCE = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=2))


class FailedItemsError(RuntimeError):
    """Some items failed for a reason that a retry could mend; the flow run is marked failed, its results are kept."""


@flow(name="preprocess-dataset", flow_run_name="{request.dataset}", task_runner=SHARDS_AT_ONCE)
def preprocess_dataset(request: PreprocessRequest) -> Summary:
    """Videos in; clips, mattes and coefficients out, or a reason for each video that gave none."""
    return _report(preprocess(request, as_tasks("videos")))


@flow(name="render-batch", flow_run_name="{request.run}-{request.renderer}", task_runner=SHARDS_AT_ONCE)
def render_batch(request: RenderRequest) -> Summary:
    """Render every pair of a pair file with one renderer."""
    return _report(render(request, as_tasks("pairs")))


@flow(name="evaluate-report", flow_run_name="{request.run}", task_runner=SHARDS_AT_ONCE)
def evaluate_report(request: EvaluateRequest) -> Summary:
    """Score every render of a run and write its report."""
    return _report(evaluate(request, as_tasks("renders")))


@task(task_run_name="shard {number} of {total}: {size} {what}", cache_policy=NO_CACHE, persist_result=False)
def run_shard(work: ShardWork[Item], shard: Sequence[Item], number: int, total: int, size: int, what: str) -> Ledger:
    """One shard; its items keep their own caching and retrying, below Prefect."""
    return work(shard)


def as_tasks(what: str) -> ShardMap[Item]:
    """A shard map that makes each shard a Prefect task and shows the share that is done."""

    def map_shards(work: ShardWork[Item], shards: Sequence[Sequence[Item]]) -> Iterator[Ledger]:
        progress = create_progress_artifact(
            progress=0.0 if shards else 100.0, key="progress", description=f"{len(shards)} shards of {what} to work on"
        )
        futures = [
            run_shard.submit(work, shard, number, len(shards), len(shard), what)
            for number, shard in zip(count(1), shards, strict=False)
        ]
        for number, future in enumerate(futures, start=1):
            yield future.result()
            update_progress_artifact(artifact_id=progress, progress=100.0 * number / len(shards))  # type: ignore[arg-type]

    return map_shards


def _report(summary: Summary) -> Summary:
    """Artifacts of a finished run: outcomes by reason, counts per stage, where the results are."""
    outcomes = [{"outcome": "done", "items": summary.done, "meaning": ""}]
    outcomes += [
        {"outcome": reason, "items": number, "meaning": MEANING[Reason(reason)]}
        for reason, number in summary.rejected.items()
    ]
    if summary.failed:
        outcomes.append({"outcome": "failed", "items": summary.failed, "meaning": "; ".join(summary.failures[:5])})
    create_table_artifact(key="outcomes", table=outcomes, description=f"{summary.items} items of run {summary.run}")
    stages = [
        {
            "stage": stage,
            "computed": summary.computed[stage],
            "cached": summary.cached[stage],
            "frames per second": summary.frames_per_second.get(stage, ""),
        }
        for stage in summary.computed
    ]
    create_table_artifact(key="stages", table=stages, description=f"{summary.frames} frames in {summary.seconds:.0f} s")
    lines = [f"* **{name}**: `{place}`" for name, place in summary.outputs.items()]
    create_markdown_artifact(key="results", markdown="\n".join(lines), description=f"Results of run {summary.run}")
    if summary.failed:
        raise FailedItemsError(f"{summary.failed} of {summary.items} items failed: {'; '.join(summary.failures[:3])}")
    return summary
