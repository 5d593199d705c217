"""The pools: what comes back, and what happens when the process of a worker dies."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reenactory.infra.pool import InlinePool, PoolClosedError, Worker, WorkerCrashError
from reenactory.infra.ray_pool import RayPool
from reenactory.infra.ray_session import keep_ray

Ask = dict[str, str]
DEADLINE_S = 180


def make_factory(broken: Path | None = None) -> Callable[[], Worker[Ask, str]]:
    """A factory made in a function: its class travels to the workers by value, as they cannot import this file."""

    class Doer:
        def __init__(self) -> None:
            if broken is not None and broken.exists():
                raise ConnectionError("the store is away")

        def process(self, request: Ask) -> str:
            import os
            import time
            from pathlib import Path

            match request["do"]:
                case "say":
                    return request["word"]
                case "raise":
                    raise FileNotFoundError(2, "not there", request["word"])
                case "die":
                    with Path(request["log"]).open("a") as log:
                        log.write("died\n")
                    os._exit(3)
                case "wait":
                    Path(request["started"]).write_text(str(os.getpid()))
                    while not Path(request["go"]).exists():
                        time.sleep(0.02)
                    return request["word"]
            raise ValueError(request["do"])

    return Doer


def say(word: str) -> Ask:
    return {"do": "say", "word": word}


def waiting(folder: Path, name: str) -> Ask:
    return {"do": "wait", "word": name, "started": str(folder / f"{name}.started"), "go": str(folder / "go")}


def ray_processes() -> set[int]:
    """Children of this process, at any depth, that belong to Ray."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            commands[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    for pid in parents:
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and "ray" in commands[pid].lower() and pid != os.getpid():
            found.add(pid)
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all tests but the last, which looks at how a pool starts and stops its own."""
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=3, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def pool(cluster: None) -> Iterator[RayPool[Ask, str]]:
    made: RayPool[Ask, str] = RayPool(make_factory(), workers=2)
    yield made
    made.close()


def test_answers_and_exceptions_come_back(pool: RayPool[Ask, str], tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        halves = threads.map(lambda half: [pool.submit(say(f"{half}{i}")) for i in range(10)], "ab")
        futures = [future for half in halves for future in half]
    wrong = pool.submit({"do": "raise", "word": "clip.mp4"})
    assert [future.result(DEADLINE_S) for future in futures] == [f"{half}{i}" for half in "ab" for i in range(10)]
    error = wrong.exception(DEADLINE_S)
    assert type(error) is FileNotFoundError
    assert error.filename == "clip.mp4"


def test_an_item_that_kills_its_worker_is_named_and_its_neighbours_live(
    pool: RayPool[Ask, str], tmp_path: Path
) -> None:
    log = tmp_path / "deaths"
    futures = [pool.submit(say(str(i))) for i in range(6)]
    poison = pool.submit({"do": "die", "log": str(log)})
    futures += [pool.submit(say(str(i))) for i in range(6, 12)]
    assert isinstance(poison.exception(DEADLINE_S), WorkerCrashError)
    assert [future.result(DEADLINE_S) for future in futures] == [str(i) for i in range(12)]
    assert 2 <= len(log.read_text().splitlines()) <= 3  # twice alone, once more where it had a neighbour at first


def test_nothing_is_lost_when_a_worker_is_killed_from_outside(pool: RayPool[Ask, str], tmp_path: Path) -> None:
    names = [f"item{i}" for i in range(6)]
    futures = [pool.submit(waiting(tmp_path, name)) for name in names]
    wait_until(lambda: sum((tmp_path / f"{name}.started").exists() for name in names) == 4)
    victim = int((tmp_path / "item0.started").read_text())
    os.kill(victim, signal.SIGKILL)
    (tmp_path / "go").touch()
    assert [future.result(DEADLINE_S) for future in futures] == names
    assert any((tmp_path / f"{name}.started").read_text() != str(victim) for name in names)


def test_the_last_call_waits_for_a_worker_that_is_free(pool: RayPool[Ask, str], tmp_path: Path) -> None:
    """Behind the long one it would stand while the other worker has nothing to do."""
    asks = {name: waiting(tmp_path, name) for name in ("long", "short", "last")}
    asks["short"]["go"] = str(tmp_path / "go_short")
    started = {name: Path(ask["started"]) for name, ask in asks.items()}
    futures = [pool.submit(asks[name]) for name in ("long", "short")]
    wait_until(lambda: bool(started["long"].exists() and started["short"].exists()))
    futures.append(pool.submit(asks["last"]))
    time.sleep(1)
    assert not started["last"].exists()
    (tmp_path / "go_short").touch()
    wait_until(lambda: started["last"].exists() and started["last"].read_text() != "")
    (tmp_path / "go").touch()
    assert [future.result(DEADLINE_S) for future in futures] == ["long", "short", "last"]
    assert started["last"].read_text() == started["short"].read_text() != started["long"].read_text()


def test_workers_for_whom_there_is_no_room_get_no_work(cluster: None) -> None:
    """Three cores, five workers of one core each: the two that cannot start must not be handed anything."""
    pool: RayPool[Ask, str] = RayPool(make_factory(), workers=5)
    try:
        assert [pool.submit(say(str(i))).result(DEADLINE_S) for i in range(5)] == list("01234")
        futures = [pool.submit(say(str(i))) for i in range(30)]
        assert [future.result(DEADLINE_S) for future in futures] == [str(i) for i in range(30)]
    finally:
        pool.close()


def test_a_worker_that_cannot_be_made_is_a_failure_and_no_crash_of_the_item(cluster: None, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    pool: RayPool[Ask, str] = RayPool(make_factory(broken), workers=1)
    try:
        assert type(pool.submit(say("a")).exception(DEADLINE_S)) is ConnectionError
        broken.unlink()
        assert pool.submit(say("b")).result(DEADLINE_S) == "b"
    finally:
        pool.close()


def test_closing_answers_what_is_still_open(cluster: None, tmp_path: Path) -> None:
    """Another thread that waits for a future must not wait for ever after a run was broken off."""
    pool: RayPool[Ask, str] = RayPool(make_factory(), workers=1)
    futures = [pool.submit(waiting(tmp_path, f"item{i}")) for i in range(3)]
    wait_until(lambda: (tmp_path / "item0.started").exists())
    pool.close()
    assert [type(future.exception(DEADLINE_S)) for future in futures] == [PoolClosedError] * 3
    with pytest.raises(PoolClosedError):
        pool.submit(say("late"))


def test_more_workers_than_cores_and_nothing_left_behind() -> None:
    """A pool's own Ray: started by the first request, with room for every worker, gone after close()."""
    import ray

    ray.shutdown()
    wait_until(lambda: not ray_processes())
    cores = len(os.sched_getaffinity(0))
    pool: RayPool[Ask, str] = RayPool(make_factory(), workers=cores + 1)
    assert not ray.is_initialized()
    assert not ray_processes()
    try:
        assert pool.submit(say("up")).result(DEADLINE_S) == "up"
        assert ray.cluster_resources()["CPU"] == cores + 1
        assert ray_processes()
    finally:
        pool.close()
    assert not ray.is_initialized()
    wait_until(lambda: not ray_processes())


def test_a_kept_ray_serves_the_next_pool() -> None:
    """Linux kills Ray's servers with the thread that started them: a second pool once waited a minute and died."""
    import ray

    ray.shutdown()
    with keep_ray():
        for word in ("first", "second"):
            pool: RayPool[Ask, str] = RayPool(make_factory(), workers=1)
            assert pool.submit(say(word)).result(DEADLINE_S) == word
            pool.close()
            time.sleep(1)  # the pool's thread has ended
    assert not ray.is_initialized()
    wait_until(lambda: not ray_processes())


def test_a_pool_that_was_never_asked_closes_without_starting_anything() -> None:
    made: list[int] = []
    for pool in (RayPool(lambda: made.append(1), 2), InlinePool(lambda: made.append(1))):  # type: ignore[arg-type, func-returns-value]
        pool.close()
    assert made == []


class TestInlinePool:
    def test_answers_and_exceptions_come_back(self) -> None:
        pool = InlinePool(make_factory())
        assert [pool.submit(say(word)).result(DEADLINE_S) for word in "ab"] == ["a", "b"]
        assert type(pool.submit({"do": "raise", "word": "x"}).exception(DEADLINE_S)) is FileNotFoundError
        pool.close()

    def test_two_threads_share_one_worker(self) -> None:
        made: list[object] = []
        doer = make_factory()

        def slow_factory() -> Worker[Ask, str]:
            time.sleep(0.05)
            made.append(1)
            return doer()

        pool = InlinePool(slow_factory)
        threads = [threading.Thread(target=lambda: pool.submit(say("x")).result()) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pool.close()
        assert made == [1]
