"""A cluster of several raylets on this machine: nodes join and die, GPUs are shared, the code travels."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reenactory.infra.pool import Worker
from reenactory.infra.ray_pool import RayPool
from reenactory.infra.ray_session import NoClusterError

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

Ask = dict[str, str]
DEADLINE_S = 240
STORE_BYTES = 80 * 2**20  # the least that Ray takes


def make_factory() -> Callable[[], Worker[Ask, dict[str, str]]]:
    """A factory made in a function: its class travels to the workers by value, as they cannot import this file."""

    class Teller:
        def process(self, request: Ask) -> dict[str, str]:
            import os
            import time
            from importlib.metadata import entry_points
            from pathlib import Path

            import ray

            import reenactory.infra.pool as ours

            if "go" in request:
                with Path(request["log"]).open("a") as log:
                    log.write(f"{ray.get_runtime_context().get_node_id()}\n")
                while not Path(request["go"]).exists():
                    time.sleep(0.02)
            return {
                "node": ray.get_runtime_context().get_node_id(),
                "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
                "code": str(ours.__file__),
                "renderers": " ".join(sorted(found.name for found in entry_points(group="reenactory.renderers"))),
                "threads": os.environ.get("REENACTORY_THREADS", ""),
            }

    return Teller


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Cluster]":
    """A head without cores, so that all work goes to the nodes that a test adds."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    ray.shutdown()
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    with in_rays_own_time():
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES})
    monkeypatch.setenv("REENACTORY_RAY_ADDRESS", made.address)
    yield made
    ray.shutdown()
    made.shutdown()


def add(cluster: "Cluster", **resources: float) -> Any:
    with in_rays_own_time():
        return cluster.add_node(object_store_memory=STORE_BYTES, **resources)


@contextmanager
def in_rays_own_time() -> Iterator[None]:
    """Ray's nodes have 30 s to start, which no setting changes: at a load of 19 on two cores that was not enough twice
    in seven runs. No code of ours has run by then."""
    try:
        yield
    except Exception as error:
        if "timed out during startup" in str(error):
            pytest.skip("this machine is too busy: Ray gave a node up that did not start within 30 s")
        raise


def waiting(folder: Path, name: str) -> Ask:
    """Writes the node that it is on into a log each time that it begins, and waits for the file `go`."""
    return {"log": str(folder / name), "go": str(folder / "go")}


def begun(folder: Path, name: str) -> list[str]:
    log = folder / name
    return log.read_text().splitlines() if log.exists() else []


def wait_until(condition: Callable[[], bool], *futures: "Future[dict[str, str]]") -> None:
    """A future that ends meanwhile raises what it ended with: what it was to begin, it never will."""
    import time

    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        for future in futures:
            if future.done():
                pytest.fail(f"ended too early: {future.result()}")
        time.sleep(0.05)


def test_nodes_join_and_die_and_no_item_is_blamed(cluster: "Cluster", tmp_path: Path) -> None:
    """Two workers, at first with room for one. Two nodes die under the same item: it is done all the same."""
    first = add(cluster, num_cpus=1)
    pool: RayPool[Ask, dict[str, str]] = RayPool(make_factory(), workers=2)
    try:
        item = pool.submit(waiting(tmp_path, "item"))
        wait_until(lambda: len(begun(tmp_path, "item")) == 1, item)
        for deaths in (1, 2):
            second = add(cluster, num_cpus=1)
            cluster.remove_node(first, allow_graceful=False)
            wait_until(lambda deaths=deaths: len(begun(tmp_path, "item")) == deaths + 1, item)  # type: ignore[misc]
            first = second
        add(cluster, num_cpus=1)
        # The item runs alone on its worker by now: these begin only on that of the node that joins.
        others = [pool.submit(waiting(tmp_path, f"other{number}")) for number in range(4)]
        wait_until(lambda: sum(bool(begun(tmp_path, f"other{number}")) for number in range(4)) == 2, item, *others)
        (tmp_path / "go").touch()
        nodes = {future.result(DEADLINE_S)["node"] for future in [item, *others]}
    finally:
        pool.close()
    assert len(set(begun(tmp_path, "item"))) == 3
    assert len(nodes) == 2


def test_workers_share_a_gpu_and_bring_their_code(
    cluster: "Cluster", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a GPU each: two workers fit onto the one GPU that the node says it has."""
    add(cluster, num_cpus=1, num_gpus=1)
    monkeypatch.setenv("REENACTORY_GPUS_PER_WORKER", "0.5")
    monkeypatch.setenv("REENACTORY_THREADS", "3")
    pool: RayPool[Ask, dict[str, str]] = RayPool(make_factory(), workers=2, use_gpu=True)
    try:
        futures = [pool.submit(waiting(tmp_path, f"item{number}")) for number in range(6)]
        # Two workers, two calls each; the last two wait for a worker that is free.
        wait_until(lambda: sum(bool(begun(tmp_path, f"item{number}")) for number in range(6)) == 4, *futures)
        (tmp_path / "go").touch()
        told = [future.result(DEADLINE_S) for future in futures]
    finally:
        pool.close()
    assert {answer["gpus"] for answer in told} == {"0"}
    for answer in told:
        assert "runtime_resources" in answer["code"], "the code of the node was used, not that of the run"
        assert {"copy", "warp"} <= set(answer["renderers"].split())
        assert answer["threads"] == "3"


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    ray.shutdown()
    monkeypatch.setenv("REENACTORY_RAY_ADDRESS", "127.0.0.1:1")
    pool: RayPool[Ask, dict[str, str]] = RayPool(make_factory(), workers=1)
    error = pool.submit({}).exception(DEADLINE_S)
    pool.close()
    assert isinstance(error, NoClusterError)
    assert "no Ray cluster answers at '127.0.0.1:1'" in str(error)
