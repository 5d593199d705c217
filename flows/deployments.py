"""The same jobs as Prefect flows: shards as tasks, outcomes and results as artifacts."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from reenactory.flows.again import command_of
from reenactory.flows.board import StageBoard, TrainingBoard, show_results
from reenactory.flows.closing import closing_lines
from reenactory.flows.evaluate import EvaluateRequest, evaluate
from reenactory.flows.preprocess import PreprocessRequest, preprocess
from reenactory.flows.render import RenderRequest, render
from reenactory.flows.train import train
from reenactory.flows.train_request import TrainRequest
from reenactory.flows.workplace import ShardMap, ShardWork
from reenactory.infra.progress import Tally
from reenactory.infra.summary import Summary
from reenactory.tasks.running.drive import Ledger

if TYPE_CHECKING:
    from reenactory.models.flow3d.loop import Pulse

Item = TypeVar("Item")

# Two shards at a time: while the last clips of one keep some workers busy, the next one feeds the others.
SHARDS_AT_ONCE = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=2))


SHOWN_EVERY_S = 5.0  # a look at the server and one update per stage that moved


class FailedItemsError(RuntimeError):
    """Some items failed for a reason that a retry could mend; the flow run is marked failed, its results are kept."""


@flow(name="preprocess-dataset", flow_run_name="{request.dataset}", task_runner=SHARDS_AT_ONCE)
def preprocess_dataset(request: PreprocessRequest) -> Summary:
    """Videos in; clips, mattes and coefficients out, or a reason for each video that gave none."""
    return reported(preprocess(request, as_tasks("videos")), command_of("preprocess", request))


@flow(name="render-batch", flow_run_name="{request.run}-{request.renderer}", task_runner=SHARDS_AT_ONCE)
def render_batch(request: RenderRequest) -> Summary:
    """Render every pair of a pair file with one renderer."""
    return reported(render(request, as_tasks("pairs")), command_of("render", request))


@flow(name="evaluate-report", flow_run_name="{request.run}", task_runner=SHARDS_AT_ONCE)
def evaluate_report(request: EvaluateRequest) -> Summary:
    """Score every render of a run and write its report."""
    return reported(evaluate(request, as_tasks("renders")), command_of("evaluate", request))


@flow(name="train", flow_run_name="{request.name}")
def train_network(request: TrainRequest) -> Summary:
    """Train a re-enactment network; started again, it goes on from the last checkpoint."""
    board = TrainingBoard(request.name)

    def follow(pulse: "Pulse") -> None:
        board.show(100 * pulse.steps_done // pulse.steps, pulse.line())

    return reported(train(request, follow))


@task(task_run_name="shard {number} of {total}: {size} {what}", cache_policy=NO_CACHE, persist_result=False)
def run_shard(work: ShardWork[Item], shard: Sequence[Item], number: int, total: int, size: int, what: str) -> Ledger:
    """One shard; its items keep their own caching and retrying, below Prefect."""
    return work(shard)


def as_tasks(what: str) -> ShardMap[Item]:
    """A shard map that makes each shard a Prefect task and shows how far each stage is."""

    def map_shards(work: ShardWork[Item], shards: Sequence[Sequence[Item]], tally: Tally) -> Iterator[Ledger]:
        board = StageBoard(sum(map(len, shards)), what)
        futures = [
            run_shard.submit(work, shard, number, len(shards), len(shard), what)
            for number, shard in zip(count(1), shards, strict=False)
        ]
        for future in futures:
            while not future.state.is_final():
                future.wait(timeout=SHOWN_EVERY_S)
                board.show(tally)
            yield future.result()
        board.show(tally, finished=True)

    return map_shards


def reported(summary: Summary, command: Sequence[str] = ()) -> Summary:
    """Show the results of a finished run, and the command that does the same from a shell.

    Raises:
        FailedItemsError: some items failed.
    """
    show_results(summary, command)
    for line in closing_lines(summary, summary.outputs):
        get_run_logger().info(line)
    if summary.failed:
        raise FailedItemsError(f"{summary.failed} of {summary.items} items failed: {'; '.join(summary.failures[:3])}")
    return summary
