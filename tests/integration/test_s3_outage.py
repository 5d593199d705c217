"""The object store goes away in the middle of a run: said in one line, and the next run goes on from there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_proxy import FaultProxy, Plan, fault_proxy, says
from s3_servers import SECRET_KEY, S3Server
from small_runs import artefacts, preprocess_command, preprocess_small, run_command

from reenactory.infra.store import open_store
from reenactory.infra.store_s3 import s3_client
from reenactory.infra.upkeep import faults
from reenactory.tasks.stage import STAGES

pytestmark = pytest.mark.weights


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with fault_proxy(s3_server.endpoint) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in (s3_server.environment | {"AWS_ENDPOINT_URL": running.endpoint}).items():
            patch.setenv(name, value)
        s3_client.cache_clear()
        yield running
    s3_client.cache_clear()


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_an_outage_in_mid_run(
    videos: Path, s3_server: S3Server, proxy: FaultProxy, tmp_path: Path, workers: int
) -> None:
    store = f"s3://{s3_server.bucket}/outage{workers}"
    words = preprocess_command(videos, store, workers=workers)
    proxy.plans.append(Plan(says(503, "SlowDown"), "PUT", "/artefacts/crop/", after=1))
    away = run_command(*words, REENACTORY_S3_ATTEMPTS="2")
    assert away.returncode == 1, away.stdout + away.stderr
    said = away.stdout + away.stderr
    assert "asks for fewer requests (SlowDown)" in said and "Traceback" not in said and SECRET_KEY not in said
    proxy.mend()
    assert list(open_store(store).list("artefacts/detect/")), "what was finished is kept"
    assert [fault for fault in faults(open_store(store), STAGES) if fault] == []
    again = run_command(*words)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "2 done, 0 failed" in again.stdout
    preprocess_small([str(videos)], str(tmp_path / "calm"))
    assert artefacts(store) == artefacts(str(tmp_path / "calm"))


def test_a_server_that_is_gone_altogether_ends_the_run_in_one_line(
    videos: Path, s3_server: S3Server, proxy: FaultProxy
) -> None:
    store = f"s3://{s3_server.bucket}/gone"
    proxy.plans.append(Plan(says(500, "InternalError"), after=12))
    away = run_command(*preprocess_command(videos, store, workers=0), REENACTORY_S3_ATTEMPTS="2")
    assert away.returncode == 1, away.stdout + away.stderr
    lines = [line for line in away.stderr.splitlines() if line.startswith("reenactory:")]
    assert len(lines) == 1 and "the same command goes on from there" in lines[0], away.stderr
    assert "Traceback" not in away.stderr
