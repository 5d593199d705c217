"""The machine of a user, for tests that run the product as a user does: weights are there, settings are not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
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
