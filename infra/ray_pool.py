"""Ray actors behind futures: fed by one thread, replaced when they die, and the item that kills them found out."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, cast

from reenactory.infra.pool import CALLS_PER_WORKER, PoolClosedError, Reply, Request, Worker, WorkerCrashError
from reenactory.infra.ray_session import nodes_that_answer, start_ray, stop_ray
from reenactory.infra.settings import Settings

if TYPE_CHECKING:
    from ray import ObjectRef

CRASHES_ALONE = 2  # an item that kills this many workers while it is the only one there is to blame
FAILED_STARTS = 3  # worker processes in a row that die before they take any item: the machine's fault, not an item's


@dataclass(eq=False)
class _Call(Generic[Request, Reply]):
    request: Request
    future: "Future[Reply]" = field(default_factory=Future)
    alone: bool = False
    died_alone_on: list[str] = field(default_factory=list)  # the node, for each death with nothing else to blame


@dataclass(eq=False)
class _Actor(Generic[Request, Reply]):
    handle: Any  # ActorHandle; Ray types its remote methods as never returning
    starting: "ObjectRef[str] | None"  # answered once its process is up: where there is no room for it, never
    node: str = ""  # where it runs, once it is up
    running: "dict[ObjectRef[object], _Call[Request, Reply]]" = field(default_factory=dict)

    def has_room(self, call: _Call[Request, Reply], most: int) -> bool:
        if self.starting is not None or any(other.alone for other in self.running.values()):
            return False
        return not self.running if call.alone else len(self.running) < most


class RayPool(Generic[Request, Reply]):
    """`workers` Ray actors fed by one dispatcher thread; `submit` may be called from any thread."""

    def __init__(self, factory: Callable[[], Worker[Request, Reply]], workers: int, use_gpu: bool = False) -> None:
        self.slots = workers * (CALLS_PER_WORKER + 1)  # so many more wait here as are held back: see _assign
        self._factory, self._workers, self._use_gpu = factory, workers, use_gpu
        self._waiting: deque[_Call[Request, Reply]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._failed_starts = 0  # in a row
        self._dispatcher: threading.Thread | None = None

    def submit(self, request: Request) -> "Future[Reply]":
        call: _Call[Request, Reply] = _Call(request)
        with self._wake:
            if self._closed:
                raise PoolClosedError("this pool was closed; a request came after it")
            self._waiting.append(call)
            if self._dispatcher is None:
                self._dispatcher = threading.Thread(target=self._dispatch, name="ray-dispatcher", daemon=True)
                self._dispatcher.start()
            self._wake.notify()
        return call.future

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._dispatcher is not None:
            self._dispatcher.join()

    def _dispatch(self) -> None:
        """The dispatcher thread. However it ends, no call is left without an answer and Ray not left running."""
        actors: list[_Actor[Request, Reply]] = []
        started_here = False
        verdict: Exception = PoolClosedError("the pool was closed while this request waited or ran")
        try:
            started_here = start_ray(self._workers, self._use_gpu)
            actors = [self._new_actor() for _ in range(self._workers)]
            while self._step(actors):
                pass
        except Exception as error:  # noqa: BLE001 - handed to the callers, who raise it
            verdict = error
        try:
            stop_ray([actor.handle for actor in actors], started_here)
        finally:
            self._fail_all(actors, verdict)

    def _step(self, actors: "list[_Actor[Request, Reply]]") -> bool:
        import ray

        with self._wake:
            busy = any(actor.running for actor in actors)
            if self._closed:
                return False
            if not busy and not self._waiting:
                self._wake.wait()
                return True
            self._assign(actors)
        refs = [ref for actor in actors for ref in (actor.running if actor.starting is None else (actor.starting,))]
        ready, _ = ray.wait(refs, num_returns=1, timeout=0.05)
        for ref in ready:
            actor = next(actor for actor in actors if ref == actor.starting or ref in actor.running)
            if ref == actor.starting:
                self._started(actors, actor)
            else:
                self._resolve(actors, actor, ref)
        return True

    def _started(self, actors: "list[_Actor[Request, Reply]]", actor: "_Actor[Request, Reply]") -> None:
        import ray
        from ray.exceptions import RayActorError

        try:
            actor.node = ray.get(cast("ObjectRef[str]", actor.starting))
        except RayActorError:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise
            actors[actors.index(actor)] = self._new_actor()
        else:
            self._failed_starts = 0
            actor.starting = None

    def _assign(self, actors: "list[_Actor[Request, Reply]]") -> None:
        """Fewer calls than workers left: each waits for a worker that is free. Behind a long one it would stand while
        another worker idles, 11 s of the 525 s that 24 clips took."""
        for call in list(self._waiting):
            most = CALLS_PER_WORKER if len(self._waiting) > self._workers else 1
            free = [actor for actor in actors if actor.has_room(call, most)]
            if not free:
                continue
            actor = min(free, key=lambda a: len(a.running))
            self._waiting.remove(call)
            ref = cast("ObjectRef[object]", actor.handle.process.remote(call.request))
            actor.running[ref] = call
            if all(len(a.running) >= CALLS_PER_WORKER for a in actors):
                return

    def _resolve(
        self, actors: "list[_Actor[Request, Reply]]", actor: "_Actor[Request, Reply]", ref: "ObjectRef[object]"
    ) -> None:
        import ray
        from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError

        try:
            reply = cast(Reply, ray.get(ref))
        except (RayActorError, OutOfMemoryError) as error:  # died, or (the same seen earlier) cannot be reached
            self._replace(actors, actor, error)
        except RayTaskError as error:
            actor.running.pop(ref).future.set_exception(error.cause or error)
        except Exception as error:  # noqa: BLE001 - an answer that cannot be unpickled is this call's failure alone
            actor.running.pop(ref).future.set_exception(error)
        else:
            actor.running.pop(ref).future.set_result(reply)

    def _replace(
        self, actors: "list[_Actor[Request, Reply]]", dead: "_Actor[Request, Reply]", error: Exception
    ) -> None:
        """Nobody's call is lost: what ran there runs again, each alone, so that the guilty one shows itself."""
        import ray

        ray.kill(dead.handle)  # one that was only out of reach must not go on beside its successor
        actors[actors.index(dead)] = self._new_actor()
        was_alone = len(dead.running) == 1
        for call in dead.running.values():
            call.died_alone_on += [dead.node] * was_alone
            call.alone = True
            crashes = len(call.died_alone_on)
            if crashes >= CRASHES_ALONE:  # only now are the nodes asked: it takes seconds where one is gone
                answering = nodes_that_answer(call.died_alone_on)
                crashes = sum(node in answering for node in call.died_alone_on)
            if crashes >= CRASHES_ALONE:
                reason = str(error).strip().splitlines()[0]
                call.future.set_exception(WorkerCrashError(f"{crashes} workers died on it alone: {reason}"))
            else:
                with self._wake:
                    self._waiting.appendleft(call)

    def _new_actor(self) -> "_Actor[Request, Reply]":
        import ray

        settings = Settings()
        options = ray.remote(_ActorShell).options(
            num_cpus=0 if self._use_gpu else 1,
            num_gpus=settings.gpus_per_worker if self._use_gpu else 0,
            memory=settings.memory_mb_per_worker * 2**20 if settings.memory_mb_per_worker else None,
            max_concurrency=CALLS_PER_WORKER,
            max_restarts=0,  # replaced by us: Ray's own restart loses the running calls or repeats them blindly
        )
        handle: Any = options.remote(self._factory)
        return _Actor(handle, handle.started.remote())

    def _fail_all(self, actors: "list[_Actor[Request, Reply]]", error: Exception) -> None:
        with self._wake:
            calls = [*self._waiting, *(call for actor in actors for call in actor.running.values())]
            self._waiting.clear()
            if not self._closed:
                self._dispatcher = None  # the next request tries to start anew
        for call in calls:
            call.future.set_exception(error)


class _ActorShell:
    """The actor class: a plain worker made inside the actor's process.

    It is made by the first request, not by the constructor: a store that is away for a moment is then that request's
    failure, which is tried again, and not the death of a worker, for which an item would be blamed.
    """

    def __init__(self, factory: Callable[[], Worker[object, object]]) -> None:
        self._factory = factory
        self._worker: Worker[object, object] | None = None
        self._lock = threading.Lock()

    def started(self) -> str:
        """Answers as soon as the process is up: the node that it is on."""
        import ray

        return ray.get_runtime_context().get_node_id()

    def process(self, request: object) -> object:
        with self._lock:
            if self._worker is None:
                self._worker = self._factory()
        return self._worker.process(request)
