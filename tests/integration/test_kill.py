"""kill -9, of a worker and of everything: the work is finished, and the bytes are those of a calm run."""

import os
import platform
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import (
    artefacts,
    await_that,
    command,
    descendants,
    preprocess_command,
    preprocess_small,
    processes,
    run_command,
    started,
)

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def wanted(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an undisturbed run makes, inline and in this process."""
    store = tmp_path_factory.mktemp("undisturbed")
    preprocess_small([str(videos)], str(store))
    return artefacts(str(store))


def finished(store: Path, stage: str) -> Callable[[], bool]:
    return lambda: any((store / "artefacts" / stage).glob("*/*/_DONE.json"))


def begun(store: Path, stage: str) -> Callable[[], bool]:
    """A file of an artefact is there or under construction; its record, written last, is not."""
    return lambda: (store / "artefacts" / stage).is_dir() and not finished(store, stage)()


def ray_workers(driver: int) -> list[int]:
    return [pid for pid, words in descendants(driver).items() if words.startswith("ray::_ActorShell")]


def test_a_killed_worker_is_replaced(videos: Path, wanted: dict[str, bytes], tmp_path: Path) -> None:
    """A worker dies while chains run on it, and once more later: nobody's work is lost, nobody is blamed."""
    store = tmp_path / "store"
    with started(command(*preprocess_command(videos, store, workers=2)), tmp_path / "log") as run:
        await_that("a detection is recorded", finished(store, "detect"))
        os.kill(ray_workers(run.pid)[0], signal.SIGKILL)
        await_that("a crop is recorded", lambda: finished(store, "crop")() or run.poll() is not None)
        for pid in ray_workers(run.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
        code = run.wait(timeout=200)
    log = (tmp_path / "log").read_text()
    assert code == 0, log
    assert "2 done, 0 failed" in log and "WORKER_CRASH" not in log
    assert artefacts(str(store)) == wanted


@pytest.mark.parametrize(
    ("workers", "moment"),
    [
        pytest.param(0, lambda store: begun(store, "crop"), id="inline-in-crop"),
        pytest.param(0, lambda store: finished(store, "matte"), id="inline-after-matte", marks=pytest.mark.slow),
        pytest.param(2, lambda store: finished(store, "detect"), id="ray-after-detect"),
    ],
)
def test_a_killed_run_is_finished_by_the_next(
    videos: Path,
    wanted: dict[str, bytes],
    tmp_path: Path,
    workers: int,
    moment: Callable[[Path], Callable[[], bool]],
) -> None:
    store = tmp_path / "store"
    before = set(processes())
    with started(command(*preprocess_command(videos, store, workers)), tmp_path / "log") as run:
        await_that("the moment to kill", moment(store), every=0.002)
        family = set(descendants(run.pid))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert artefacts(str(store)) != wanted, "the run was over before it was killed"
    await_that("no process of the killed run is left", lambda: not family & set(processes()) - before, seconds=60)
    again = run_command(*preprocess_command(videos, store, workers=0))
    assert again.returncode == 0, again.stderr
    assert "2 done, 0 failed" in again.stdout
    assert artefacts(str(store)) == wanted


def test_what_killed_runs_left_is_swept_away(own_cache: Path, videos: Path, tmp_path: Path) -> None:
    """Scratch files of a killed run would otherwise fill the disk; those of another machine are not ours to judge."""
    scratch, store = own_cache / "scratch", tmp_path / "store"
    others = scratch / "another-machine+1" / "frames.mp4"
    others.parent.mkdir(parents=True, exist_ok=True)
    others.touch()
    with started(command(*preprocess_command(videos, store, workers=0)), tmp_path / "log") as run:
        mine = scratch / f"{platform.node()}+{run.pid}"
        await_that("scratch files", lambda: any(mine.glob("*/*")), every=0.002)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert mine.exists()
    preprocess_small([str(videos)], str(store))
    assert [path for path in scratch.rglob("*") if path.is_file()] == [others]
    others.unlink()
