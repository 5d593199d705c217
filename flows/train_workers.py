"""Data-parallel training by Ray Train: the loop of `flows/train.py` in every worker, gradients averaged over them."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING

from reenactory.flows.train import make_loop, training_device, training_folder
from reenactory.flows.train_request import TrainRequest
from reenactory.infra.ray_session import start_ray, stop_ray
from reenactory.infra.store import MissingObject, Store, open_store

if TYPE_CHECKING:
    from reenactory.models.flow3d.loop import Pulse

PROGRESS = "progress.json"  # of the first worker; anybody who can read the store can watch
INTERVAL_S = 2.0


def train_on_ray(request: TrainRequest, report: Callable[["Pulse"], None]) -> int:
    """Train with `request.workers` processes; returns the steps done."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    gpu = training_device(request.device) == "cuda"
    started_here = start_ray(request.workers + 1, gpu)  # one more: Ray Train's own controller
    store = open_store(request.store)
    stop = Event()
    watcher = Thread(target=_watch, args=(store, training_folder(request), report, stop), daemon=True)
    watcher.start()
    try:
        with TemporaryDirectory() as folder:  # Ray wants a place of its own; our checkpoints go to the store
            TorchTrainer(
                work,
                train_loop_config=request.model_dump(mode="json"),
                torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if gpu else "gloo"),
                scaling_config=ScalingConfig(num_workers=request.workers, use_gpu=gpu),
                run_config=RunConfig(name=request.name, storage_path=folder),
            ).fit()
    finally:
        stop.set()
        watcher.join()
        stop_ray([], started_here)
    return int(json.loads(store.get(f"{training_folder(request)}/_LATEST.json"))["steps_done"])


def work(config: dict[str, object]) -> None:
    """What each worker runs."""
    import ray.train

    request = TrainRequest.model_validate(config)
    context = ray.train.get_context()
    loop = make_loop(request, context.get_world_rank(), context.get_world_size())
    if loop.main:
        loop.report = _writer(open_store(request.store), training_folder(request))
    loop.run(request.minutes)


def _writer(store: Store, folder: str) -> Callable[["Pulse"], None]:
    last = 0.0

    def write(pulse: "Pulse") -> None:
        nonlocal last
        if time.monotonic() - last > INTERVAL_S:
            store.put(f"{folder}/{PROGRESS}", json.dumps(asdict(pulse)).encode())
            last = time.monotonic()

    return write


def _watch(store: Store, folder: str, report: Callable[["Pulse"], None], stop: Event) -> None:
    from reenactory.models.flow3d.loop import Pulse

    while not stop.wait(INTERVAL_S):
        try:
            report(Pulse(**json.loads(store.get(f"{folder}/{PROGRESS}"))))
        except MissingObject:
            continue
