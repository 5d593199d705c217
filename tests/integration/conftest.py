"""One second of two demo clips, and one calm run of the whole pipeline over them, made once per test process."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_runs import FRAMES, SmallRun, ffmpeg, whole_pipeline

from reenactory.models.weight_files import cache_folder
from reenactory.models.weights import WeightMissing, fetchable, locate

HOSTILE = (
    "PREFECT_API_URL",
    "REENACTORY_WEIGHTS",
    "REENACTORY_RAY_ADDRESS",
    "REENACTORY_THREADS",
    "REENACTORY_OFFLINE",
)
LARGE_AND_UNUSED = "lpips_vgg16"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Scratch files in a folder of the tests, weights where they always are; nothing of the user's settings.

    Skips where a weight is missing: `make test` fetches them all.
    """
    try:
        for name in fetchable():
            if name != LARGE_AND_UNUSED:
                locate(name)
    except WeightMissing as missing:
        pytest.skip(f"weights are missing: {str(missing).splitlines()[0]}")
    folder = tmp_path_factory.mktemp("cache")
    (folder / "weights").symlink_to(cache_folder(), target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in HOSTILE:
            patch.delenv(name, raising=False)
        patch.setenv("REENACTORY_CACHE", str(folder))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield folder


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
