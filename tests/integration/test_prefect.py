"""A real Prefect server, worker and the deployments, started and stopped as `make serve` does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from s3_servers import free_ports
from small_runs import (
    DATASET,
    KNOBS,
    RUN,
    SmallRun,
    await_that,
    descendants,
    ffmpeg,
    preprocess_command,
    processes,
    run_command,
    started,
)

from reenactory.infra.store import open_store

pytestmark = [pytest.mark.weights, pytest.mark.timeout(600)]

PROJECT = Path(__file__).resolve().parents[2]
QUIET = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "INFO"}


@dataclass(frozen=True)
class Served:
    """`make serve`'s process and what it takes to talk to its server."""

    pid: int
    env: dict[str, str]

    @property
    def url(self) -> str:
        return self.env["PREFECT_API_URL"]

    def ask(self, path: str, **body: object) -> list[dict[str, object]]:
        return list(httpx.post(f"{self.url}/{path}/filter", json=body, timeout=30).raise_for_status().json())

    def prefect(self, *words: str) -> None:
        """Prefect's own command."""
        command = [sys.executable, "-m", "prefect", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, env=os.environ | self.env, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, deployment: str, request: Mapping[str, object]) -> dict[str, object]:
        """Start a deployment and give the finished flow run."""
        self.prefect("deployment", "run", deployment, "--param", f"request={json.dumps(request)}", "--watch")
        return self.ask("flow_runs", sort="EXPECTED_START_TIME_DESC", limit=1)[0]

    def state(self, run: Mapping[str, object]) -> object:
        return self.ask("flow_runs", flow_runs={"id": {"any_": [run["id"]]}})[0]["state_type"]

    def more_than(self, before: Mapping[int, str]) -> dict[int, str]:
        """Processes of the server and its worker that were not there before, and Ray's, which leave their parents."""
        return {pid: words for pid, words in descendants(self.pid).items() if pid not in before}

    def artifact(self, run: Mapping[str, object], key: str) -> object:
        found = self.ask("artifacts", artifacts={"flow_run_id": {"any_": [run["id"]]}, "key": {"any_": [key]}})
        assert len(found) == 1, f"{key}: {found}"
        data = found[0]["data"]
        return json.loads(data) if isinstance(data, str) and data.startswith("[{") else data


@pytest.fixture(scope="module")
def served(own_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The script behind `make serve` on a free port, with its state in a folder of the test."""
    folder = tmp_path_factory.mktemp("prefect")
    (port,) = free_ports(1)
    env = {"PREFECT_HOME": str(folder / "home"), "REENACTORY_PREFECT_PORT": str(port), **QUIET}
    log = folder / "log"
    with started([sys.executable, "-m", "reenactory.flows.serve"], log, PROJECT, **env) as script:
        await_that(
            "the script says that it is ready",
            lambda: "Prefect page" in log.read_text() or script.poll() is not None,
        )
        assert script.poll() is None, log.read_text()
        yield Served(script.pid, {**env, "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"})
        family = descendants(script.pid)
        script.send_signal(signal.SIGTERM)
        assert script.wait(timeout=60) == 0, log.read_text()[-3000:]
    left = {pid: words for pid, words in family.items() if processes().get(pid, (0, ""))[1] == words}
    assert len(family) >= 2 and not left, f"still running after SIGTERM: {left}"


def test_the_page_asks_the_server_that_it_came_from(served: Served) -> None:
    told = httpx.get(f"{served.url.removesuffix('/api')}/ui-settings", timeout=30).raise_for_status().json()
    assert told["api_url"] == served.url


def test_deployments_and_an_inactive_schedule(served: Served) -> None:
    found = {row["name"]: row for row in served.ask("deployments")}
    assert sorted(found) == ["evaluate-report", "preprocess-dataset", "render-batch", "train"]
    (schedule,) = found["preprocess-dataset"]["schedules"]
    assert (schedule["active"], schedule["schedule"]["cron"]) == (False, "0 2 * * *")
    assert all(row["work_pool_name"] == "reenactory" for row in found.values())
    assert all("request" in row["parameter_openapi_schema"]["properties"] for row in found.values())


@pytest.mark.slow
def test_the_worker_runs_each_deployment(served: Served, calm: SmallRun, tmp_path: Path) -> None:
    """From videos to report through the server alone; shards are its tasks, results its artifacts."""
    store = str(tmp_path / "store")
    where = {"store": store, "workers": 0}
    inputs = {"inputs": [str(calm.videos)], "dataset": DATASET, "params": KNOBS}
    made = served.run("preprocess-dataset/preprocess-dataset", {**inputs, **where})
    assert (made["state_type"], made["name"]) == ("COMPLETED", DATASET)
    tasks = served.ask("task_runs", flow_runs={"id": {"any_": [made["id"]]}})
    assert [task["name"] for task in tasks] == ["shard 1 of 1: 2 videos"]
    for stage in ("detect", "track", "crop", "matte", "face3d"):
        assert served.artifact(made, f"progress-{stage}") == 100.0
    assert served.artifact(made, "outcomes")[0]["items"] == 2
    assert store in str(served.artifact(made, "results"))
    assert f"{Path(sys.executable).with_name('reenactory')} preprocess " in str(served.artifact(made, "results"))
    pairs = {"pairs": str(calm.pairs), "renderer": "copy", "run": RUN}
    rendered = served.run("render-batch/render-batch", {**pairs, **where})
    assert (rendered["state_type"], rendered["name"]) == ("COMPLETED", f"{RUN}-copy")
    scored = served.run("evaluate-report/evaluate-report", {"run": RUN, **where})
    assert scored["state_type"] == "COMPLETED"
    report = Path(store) / "runs" / RUN / "report.html"
    assert report.is_file() and report.as_uri() in str(served.artifact(scored, "report"))


def test_a_cancelled_run_leaves_nothing_running_and_nothing_half_done(
    served: Served, videos: Path, tmp_path: Path
) -> None:
    """Cancelled while a worker reads a video that would take minutes; then the same work goes on as if never begun."""
    store, long_video = tmp_path / "store", tmp_path / "long.mp4"
    ffmpeg("-stream_loop", 400, "-i", videos / "man.mp4", "-c", "copy", long_video)
    request = {"inputs": [str(long_video)], "dataset": DATASET, "params": KNOBS, "store": str(store), "workers": 1}
    before = descendants(served.pid)
    words = ("deployment", "run", "preprocess-dataset/preprocess-dataset", "--param", f"request={json.dumps(request)}")
    served.prefect(*words)
    run = served.ask("flow_runs", sort="EXPECTED_START_TIME_DESC", limit=1)[0]
    await_that(
        "a worker is up", lambda: any("ray::_ActorShell" in words for words in served.more_than(before).values())
    )
    served.prefect("flow-run", "cancel", str(run["id"]))
    await_that("it is cancelled", lambda: served.state(run) == "CANCELLED")
    await_that("nothing of it runs", lambda: not served.more_than(before))
    left = open_store(str(store))
    unfinished = [found for folder in ("artefacts", "datasets", "runs") for found in left.unfinished(folder)]
    assert unfinished == [] and list(left.list("leases/")) == []
    assert not list(left.list("artefacts/"))


def test_a_training_is_a_flow_run(served: Served, tmp_path: Path) -> None:
    """Of two steps, on two people who are rendered for it."""
    config = tmp_path / "config.toml"
    phases = "phase_1 = { steps = 1 }\nphase_2 = { steps = 1 }"
    steps = f"pairs = 1\nvalidation_pairs = 1\nlog_every = 1\nthreads = 0\n{phases}"
    config.write_text(f'preset = "tiny"\n[synthetic]\nclips = 2\nframes = 3\n[training]\n{steps}\n')
    store = tmp_path / "store"
    made = served.run("train/train", {"store": str(store), "name": "short", "config": str(config), "device": "cpu"})
    assert (made["state_type"], made["name"]) == ("COMPLETED", "short")
    assert served.artifact(made, "progress-train") == 100.0
    assert (store / "runs/short/training/weights.pt").is_file()


def test_the_command_line_can_be_a_flow_run(served: Served, videos: Path, tmp_path: Path) -> None:
    done = run_command(*preprocess_command(videos, tmp_path / "store", 0), "--prefect", **served.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 items, 2 done, 0 failed" in done.stdout
    (run,) = served.ask("flow_runs", flow_runs={"deployment_id": {"is_null_": True}})
    assert (run["state_type"], run["name"]) == ("COMPLETED", DATASET)
    (task,) = served.ask("task_runs", flow_runs={"id": {"any_": [run["id"]]}})
    assert task["name"] == "shard 1 of 1: 2 videos"
    assert served.artifact(run, "outcomes")[0]["items"] == 2


def test_wrong_use_through_prefect_is_still_said_in_one_line(served: Served, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.mp4"
    done = run_command(*preprocess_command(missing, tmp_path / "store", 0), "--prefect", **served.env)
    assert done.returncode == 2, done.stdout + done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("reenactory: ")]  # among Prefect's own lines
    assert len(said) == 1 and f"{missing}: no such file" in said[0]
