"""A run's plan holds the command that asks the same again."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reenactory.flows.again import announce, command_of
from reenactory.flows.cli import app
from reenactory.flows.run_files import keep_pairs, pair_file
from reenactory.flows.workplace import Where
from reenactory.infra.store import open_store
from reenactory.tasks.pairs import make_pair

CALLS = (
    "preprocess 'videos/*.mp4' s3://bucket/more --store out/store --dataset d --preset in-the-wild --fps 25 "
    "--set track.faces=all --set face3d.extractor=open --set track.end_at_shots=false --split-list list.txt "
    "--retry NO_FACE --retry TOO_SMALL --workers 0 --weights yunet=/elsewhere/yunet.onnx",
    "preprocess 'a clip.mp4' --store out/store --dataset d --metadata vox.csv --preset fomm-exact",
    "render pairs.parquet --renderer warp --store s3://bucket/store --run r --dataset d --device cuda --no-label "
    "--consent consent.csv --require-consent",
    "evaluate --store out/store --run r --renders theirs --name them --panel 2/4 --first-frame missing "
    "--pairs pairs.csv --dataset d --set score.lpips_vgg=true",
    "evaluate --store out/store --run r",
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Where]:
    """What the flows are called with."""
    requests: list[Where] = []
    for family in ("datasets", "runs"):
        monkeypatch.setattr(
            f"reenactory.flows.cli.{family}.run_flow", lambda flow, request, *rest: requests.append(request)
        )
    monkeypatch.setenv("REENACTORY_WEIGHTS", "")
    return requests


@pytest.mark.parametrize("call", CALLS)
def test_the_command_asks_for_what_was_asked(
    call: str, asked: list[Where], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(call)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, words).exit_code == 0
    again = command_of(words[0], asked[0])
    given = {option for option in words if option.startswith("--")}
    assert given - set(again) <= {"--fps", "--workers", "--retry"}  # a knob, and how the work is done here
    monkeypatch.chdir("/")
    monkeypatch.setenv("REENACTORY_WEIGHTS", "")
    assert CliRunner().invoke(app, again[1:]).exit_code == 0
    assert command_of(words[0], asked[1]) == again
    here = {name: value for name, value in asked[0] if not isinstance(value, str | list) and name != "workers"}
    assert here == {name: value for name, value in asked[1] if name in here}


def test_each_plan_of_a_run_is_kept_beside_its_latest(asked: list[Where], tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for renderer in ("copy", "warp"):
        words = ["render", "p.parquet", "--renderer", renderer, "--store", store.uri, "--run", "r"]
        CliRunner().invoke(app, words)
        announce(store, "r", f"render-{renderer}", "render", asked[-1])
    plans = {name: json.loads(store.get(f"runs/r/{name}")) for name in ("plan.json", "plan-render-copy.json")}
    assert [plan["renderer"] for plan in plans.values()] == ["warp", "copy"]
    program, verb = plans["plan.json"]["command"][:2]
    assert verb == "render"
    assert subprocess.run([program, "--help"], cwd="/", env={"PATH": ""}, check=False).returncode == 0


def test_the_pair_file_of_a_command_is_the_runs_own_where_it_holds_the_same_pairs(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    pairs = [make_pair("self", "a", 0, "a", 1, count, 0) for count in (1, 2)]
    keep_pairs(store, "r", pairs, "d")
    assert pair_file(store, "r", "given.parquet", pairs[::-1]) == f"{tmp_path}/runs/r/pairs.parquet"
    assert pair_file(store, "r", "given.parquet", pairs[:1]) == "given.parquet"
