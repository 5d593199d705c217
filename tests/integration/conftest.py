"""One second of two demo clips, and one calm run of the whole pipeline over them, made once per test process."""

import shutil
from pathlib import Path

import pytest
from small_runs import FRAMES, SmallRun, ffmpeg, whole_pipeline
from users_machine import own_cache

from reenactory.models.weights import locate

__all__ = ["own_cache"]


@pytest.fixture(scope="session", autouse=True)
def users_machine(own_cache: Path) -> None:
    """Every test here runs the product as a user does."""


@pytest.fixture(scope="session")
def videos(own_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one second of the man and of the woman, 640x360."""
    folder = tmp_path_factory.mktemp("videos")
    for name in ("man", "woman"):
        cut = ("-frames:v", FRAMES, "-an", "-c:v", "libx264", "-crf", 18, "-threads", 1)
        ffmpeg("-i", locate(f"demo_{name}"), *cut, folder / f"{name}.mp4")
    return folder


@pytest.fixture(scope="session")
def calm(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """The pipeline in one go, inline. Its store is read only: tests that change something take a `copied_store`."""
    folder = tmp_path_factory.mktemp("calm")
    summaries = whole_pipeline(str(videos), str(folder / "store"), folder)
    return SmallRun(folder / "store", videos, folder / "pairs.parquet", summaries)


@pytest.fixture
def copied_store(calm: SmallRun, tmp_path: Path) -> Path:
    """A copy of the calm run's store, to spoil."""
    return Path(shutil.copytree(calm.store, tmp_path / "store"))
