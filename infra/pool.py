"""Workers behind futures: where requests are processed, and the plain case of one worker in this process.

Each worker is given two calls at a time. The worker holds a lock around its models, so the second call decodes its
input while the first computes; nothing else is needed for decode-ahead.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

CALLS_PER_WORKER = 2

Request = TypeVar("Request")
Reply = TypeVar("Reply")


class Worker(Protocol[Request, Reply]):  # type: ignore[misc]
    def process(self, request: Request) -> Reply: ...


class WorkerCrashError(Exception):
    """The process that ran a request died, again and again, with nothing else running in it."""


class PoolClosedError(RuntimeError):
    """The pool was closed before this request was answered."""


class Pool(Protocol[Request, Reply]):  # type: ignore[misc]
    """Where requests are processed. Started by the first request: a run that needs no work starts nothing."""

    slots: int

    def submit(self, request: Request) -> "Future[Reply]": ...

    def close(self) -> None: ...


class InlinePool(Generic[Request, Reply]):
    """One worker in this process. A crash takes the run with it: use Ray workers for files you do not trust."""

    def __init__(self, factory: Callable[[], Worker[Request, Reply]]) -> None:
        self.slots = CALLS_PER_WORKER
        self._factory = factory
        self._worker: Worker[Request, Reply] | None = None
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(CALLS_PER_WORKER, thread_name_prefix="inline-worker")

    def submit(self, request: Request) -> "Future[Reply]":
        with self._lock:  # shards submit from several threads, and share one worker
            if self._worker is None:
                self._worker = self._factory()
        return self._threads.submit(self._worker.process, request)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
