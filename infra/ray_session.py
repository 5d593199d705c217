"""The Ray that workers run in: a cluster that is there already, or one started here and stopped in the end."""

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from reenactory.infra.settings import Settings
from reenactory.infra.shipped_code import shipped_code

if TYPE_CHECKING:
    from ray.actor import ActorHandle

KNOCK_S = 10.0  # for a cluster's head to take a connection
NODE_KNOCK_S = 3.0  # for a node: one that is wrongly taken for gone costs an item one more try

# Linux kills Ray's servers when the *thread* that started them ends (they ask for it, so that none outlives a killed
# run). A pool's own thread ends with the pool; this one stays as long as the process.
_owner = ThreadPoolExecutor(1, thread_name_prefix="ray-owner")
_keepers: list[object] = []


class NoClusterError(ConnectionError):
    """The cluster that the settings name cannot be joined; the message is one line."""


def start_ray(workers: int, use_gpu: bool) -> bool:
    """Join the cluster that the settings name, or start one on this machine. True when it was started here."""
    return _owner.submit(_start, workers, use_gpu).result()


def _start(workers: int, use_gpu: bool) -> bool:
    import ray

    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray makes its workers nice (15): on a machine that others use too, they would get the crumbs of their own run.
    os.environ.setdefault("RAY_worker_niceness", "0")
    quiet = logging.ERROR
    address = Settings().ray_address
    if address:
        _join(address, quiet)
        return False
    # More workers than cores are the user's choice: without the larger count Ray would wait for ever for cores.
    cpus = max(workers, len(os.sched_getaffinity(0)))
    ray.init(
        address="local",  # else a RAY_ADDRESS left in the environment would be joined
        num_cpus=cpus,
        include_dashboard=False,
        object_store_memory=256 * 2**20,
        logging_level=quiet,
        log_to_driver=False,
    )
    resources = cast("Callable[[], dict[str, float]]", ray.cluster_resources)()
    gpus, share = resources.get("GPU", 0.0), Settings().gpus_per_worker
    if use_gpu and gpus < share:
        ray.shutdown()
        raise RuntimeError(f"a worker reserves {share:g} GPU, but Ray sees {gpus:g} here; give --device cpu")
    return True


def _join(address: str, logging_level: int) -> None:
    import ray

    # Only our own settings travel: credentials are the nodes' business, and Ray shows these in its dashboard.
    passed_on = {name: value for name, value in os.environ.items() if name.startswith("REENACTORY_")}
    with shipped_code() as folder:  # sent while Ray begins
        brought: dict[str, object] = {"env_vars": passed_on, "working_dir": str(folder)}
        try:
            _knock(address)
            ray.init(address=address, runtime_env=brought, logging_level=logging_level, log_to_driver=False)
        except (OSError, ValueError) as error:
            raise NoClusterError(
                f"no Ray cluster answers at {address!r} ({str(error).splitlines()[0]}); start one with "
                "`ray start --head`, or leave --ray-address and REENACTORY_RAY_ADDRESS out to have one for this run"
            ) from None


def nodes_that_answer(ids: Iterable[str]) -> set[str]:
    """Those of these nodes that live: Ray thinks so, and they take a connection.

    Ray alone believes in a dead node for 12 s and more (its health checks), in which it would be the fault of an item
    that two machines went away under it.
    """
    import ray

    nodes = cast("Callable[[], list[dict[str, object]]]", ray.nodes)()
    asked = {str(node["NodeID"]): node for node in nodes if node["Alive"] and node["NodeID"] in set(ids)}
    return {name for name, node in asked.items() if _answers(node)}


def _answers(node: dict[str, object]) -> bool:
    try:
        _knock(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}", NODE_KNOCK_S)
    except OSError:
        return False
    return True


def _knock(address: str, seconds: float = KNOCK_S) -> None:
    """OSError where nobody listens: Ray itself tries for minutes before it says so."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), seconds).close()


def stop_ray(handles: "list[ActorHandle[Any]]", started_here: bool) -> None:
    """End these actors, and Ray itself if `start_ray` started it and nobody keeps it."""
    import ray

    for handle in handles:
        ray.kill(handle)
    if started_here and not _keepers:
        ray.shutdown()


@contextmanager
def keep_ray() -> Iterator[None]:
    """Within the block a Ray that a pool started here outlives the pool: the next pool joins it, 5 to 20 s sooner."""
    keeper = object()
    _keepers.append(keeper)
    try:
        yield
    finally:
        _keepers.remove(keeper)
        if "ray" in sys.modules and not _keepers:
            import ray

            ray.shutdown()
