"""kill -9, of a worker and of everything: the work is finished, and the bytes are those of a calm run."""

import os
import platform
import signal
import sys
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
DYING_COMMAND = Path(__file__).with_name("dying_command.py")


@pytest.fixture(scope="module")
def wanted(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an undisturbed run makes, inline and in this process."""
    store = tmp_path_factory.mktemp("undisturbed")
    preprocess_small([str(videos)], str(store))
    return artefacts(str(store))


def finished(store: Path, stage: str) -> Callable[[], bool]:
    return lambda: any((store / "artefacts" / stage).glob("*/*/_DONE.json"))


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
    ("stage", "when"),
    [
        pytest.param("crop", "before", id="in-crop"),
        pytest.param("matte", "after", id="after-matte", marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_inline_is_finished_by_the_next(
    videos: Path, wanted: dict[str, bytes], tmp_path: Path, stage: str, when: str
) -> None:
    store = tmp_path / "store"
    run_to_death(videos, store, stage, when)
    left = artefacts(str(store))
    assert any(path.startswith(f"artefacts/{stage}/") for path in left)
    assert finished(store, stage)() == (when == "after")
    assert_the_next_run_finishes(videos, store, wanted)


def test_a_run_killed_under_ray_is_finished_by_the_next(videos: Path, wanted: dict[str, bytes], tmp_path: Path) -> None:
    store = tmp_path / "store"
    before = set(processes())
    with started(command(*preprocess_command(videos, store, workers=2)), tmp_path / "log") as run:
        await_that("a detection is recorded", finished(store, "detect"))
        family = set(descendants(run.pid))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert artefacts(str(store)) != wanted, "the run was over before it was killed"
    await_that("no process of the killed run is left", lambda: not family & set(processes()) - before)
    assert_the_next_run_finishes(videos, store, wanted)


def run_to_death(videos: Path, store: Path, stage: str, when: str) -> int:
    """An inline run that is killed around its first record of a stage; returns what was its process id."""
    arguments = [sys.executable, DYING_COMMAND, stage, when, *preprocess_command(videos, store, workers=0)]
    with started([str(word) for word in arguments], store.with_suffix(".log")) as run:
        code = run.wait(timeout=240)
    assert code == -signal.SIGKILL, store.with_suffix(".log").read_text()
    return run.pid


def assert_the_next_run_finishes(videos: Path, store: Path, wanted: dict[str, bytes]) -> None:
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
    pid = run_to_death(videos, store, "crop", "before")
    assert any(path.is_file() for path in (scratch / f"{platform.node()}+{pid}").rglob("*"))
    preprocess_small([str(videos)], str(store))
    assert [path for path in scratch.rglob("*") if path.is_file()] == [others]
    others.unlink()
