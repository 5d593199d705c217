"""The promises of a run: what is computed once is not computed again, what changed is, and nothing before it."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_runs import (
    DATASET,
    DRIVING,
    FRAMES,
    KNOBS,
    RENDERERS,
    RUN,
    SmallRun,
    artefacts,
    preprocess_command,
    preprocess_small,
    with_knob,
)

from reenactory.flows.evaluate import EvaluateRequest, evaluate
from reenactory.flows.preprocess import PreprocessRequest, preprocess
from reenactory.flows.render import RenderRequest, render
from reenactory.infra.store import open_store
from reenactory.infra.summary import Summary
from reenactory.models.metrics.registry import lookup
from reenactory.models.weights import locate, overrides_text
from reenactory.tasks.running.drive import Ledger

pytestmark = pytest.mark.weights

PREPROCESSING = ("detect", "track", "crop", "matte", "face3d")

# Runs a command, then says which heavy libraries it loaded and what processes are below it.
LOADED = """
import json, os, sys
from reenactory.flows.cli import main
from small_runs import descendants
try:
    main()
except SystemExit as end:
    code = end.code
heavy = sorted({"ray", "prefect", "mediapipe", "onnxruntime"} & set(sys.modules))
print(json.dumps({"code": code, "heavy": heavy, "children": sorted(descendants(os.getpid()).values())}))
"""


def stages_computed(summary: Summary) -> dict[str, int]:
    return {stage: number for stage, number in summary.computed.items() if number}


def test_summary_has_the_promised_fields(calm: SmallRun) -> None:
    made = calm.summaries["preprocess"]
    assert (made.items, made.done, made.rejected, made.failed, made.exit_code) == (2, 2, {}, 0, 0)
    assert made.computed == dict.fromkeys(PREPROCESSING, 2)
    assert made.cached == dict.fromkeys(PREPROCESSING, 0)
    assert made.frames == 2 * FRAMES * len(PREPROCESSING)
    assert all(made.frames_per_second[stage] > 0 for stage in PREPROCESSING)
    assert calm.summaries["evaluate"].computed == {"face3d": 4, "features": 8, "pool": 4, "score": 4}
    written = calm.store / "runs" / RUN / "summary.json"
    assert Summary.model_validate_json(written.read_text()) == calm.summaries["evaluate"]
    names = "run flow items done rejected failed computed cached frames seconds frames_per_second outputs versions"
    assert set(names.split()) <= set(Summary.model_fields)


def test_dataset_tables_join(calm: SmallRun) -> None:
    clips = pq.read_table(calm.store / "datasets" / DATASET / "clips").to_pandas()
    rows = pq.read_table(calm.store / "datasets" / DATASET / "face3d").to_pandas()
    assert sorted(clips["identity"]) == ["man", "woman"]
    assert rows.groupby("clip_id").size().to_dict() == dict(zip(clips["clip_id"], clips["frame_count"], strict=True))
    seen = rows["detected"]
    assert seen.mean() > 0.9
    assert rows.loc[seen, "exp"].notna().all() and rows.loc[~seen, "exp"].isna().all()


def test_scores_say_what_they_mean(calm: SmallRun) -> None:
    scores = pq.read_table(calm.store / "runs" / RUN / "scores.parquet").to_pandas()
    assert set(scores["renderer"]) == set(RENDERERS)
    named = scores[["metric", "definition"]].drop_duplicates()
    assert len(named) == named["definition"].nunique() > 10
    assert all(lookup(row.metric).formula for row in named.itertuples())
    per_frame = scores[scores["frame"] >= 0]
    assert set(per_frame.groupby(["renderer", "pair_id", "metric"]).size()) == {DRIVING}
    same = scores[(scores["metric"] == "psnr") & scores["pair_id"].str.startswith("self")]
    assert same["value"].between(5, 60).all() and len(same) == DRIVING * len(RENDERERS)
    lines = pq.read_table(calm.store / "runs" / RUN / "aggregates.parquet").to_pandas()
    assert {"psnr", "ssim", "lpips", "csim", "aed_l1", "akd"} <= set(lines["metric"])
    assert lines["definition"].str.len().gt(10).all()


def test_report_is_there(calm: SmallRun) -> None:
    page = (calm.store / "runs" / RUN / "report.html").read_text()
    assert "<html" in page.lower()
    assert all(name in page for name in RENDERERS)


def test_second_run_computes_nothing_and_starts_nothing(calm: SmallRun, copied_store: Path) -> None:
    """Two Ray workers are asked for, and are not needed: neither Ray nor a network's runtime is even imported."""
    commands = [
        preprocess_command(calm.videos, copied_store, workers=2),
        ("render", calm.pairs, "--renderer", "warp", "--store", copied_store, "--run", RUN, "--workers", 2),
        ("evaluate", "--store", copied_store, "--run", RUN, "--workers", 2),
    ]
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
    for words in commands:
        argv = [sys.executable, "-c", LOADED, *map(str, words)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=env, check=True)
        assert "computed: nothing" in done.stdout, done.stdout
        assert done.stdout.splitlines()[-1] == '{"code": 0, "heavy": [], "children": []}'


def test_what_is_cached_goes_to_no_shard_task_and_stays_in_the_tables(calm: SmallRun, copied_store: Path) -> None:
    """A Prefect task costs 50 ms: a million cached videos would wait for them alone."""
    given: list[object] = []

    def map_shards(work: object, shards: Sequence[object], tally: object) -> list[Ledger]:
        given.extend(shards)
        return []

    before = tables_of(copied_store)
    fields = {"inputs": [str(calm.videos)], "store": str(copied_store), "dataset": DATASET, "workers": 0}
    again = preprocess(PreprocessRequest.model_validate({**fields, "params": KNOBS}), map_shards)
    assert given == []
    assert again.cached == calm.summaries["preprocess"].computed
    assert (again.done, again.forecast) == (2, None)
    assert tables_of(copied_store) == before


def tables_of(store: Path) -> dict[str, bytes]:
    folder = store / "datasets"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


def test_a_knob_of_crop_recomputes_crop_and_what_follows(calm: SmallRun, copied_store: Path) -> None:
    again = preprocess_small([str(calm.videos)], str(copied_store), with_knob("crop", "crf", 23))
    assert stages_computed(again) == {"crop": 2, "matte": 2, "face3d": 2}
    assert (again.cached["detect"], again.cached["track"]) == (2, 2)


def test_a_knob_of_track_recomputes_all_but_detect(calm: SmallRun, copied_store: Path) -> None:
    again = preprocess_small([str(calm.videos)], str(copied_store), with_knob("track", "margin", 0.2))
    assert stages_computed(again) == {"track": 2, "crop": 2, "matte": 2, "face3d": 2}


def test_a_replaced_landmarker_recomputes_face3d_and_what_follows(
    calm: SmallRun, copied_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "mine.task"
    _stored_with_another_comment(locate("face_landmarker"), other)
    monkeypatch.setenv("REENACTORY_WEIGHTS", overrides_text({"face_landmarker": other}))
    store = str(copied_store)
    again = preprocess_small([str(calm.videos)], store)
    assert stages_computed(again) == {"face3d": 2}
    copied = render(RenderRequest(pairs=str(calm.pairs), renderer="copy", store=store, run=RUN, workers=0))
    assert stages_computed(copied) == {}  # it reads no coefficients
    warped = render(RenderRequest(pairs=str(calm.pairs), renderer="warp", store=store, run=RUN, workers=0))
    assert stages_computed(warped) == {"render": 2, "publish": 2}
    scored = evaluate(EvaluateRequest(store=store, run=RUN, workers=0))
    assert scored.computed["score"] == 4 and scored.failed == 0


def test_a_replaced_matting_network_recomputes_matte_only(
    calm: SmallRun, copied_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "mine.onnx"
    # ModelProto.domain (field 4) again, empty: the same network, in other bytes.
    other.write_bytes(locate("rvm_mobilenetv3").read_bytes() + b"\x22\x00")
    monkeypatch.setenv("REENACTORY_WEIGHTS", overrides_text({"rvm_mobilenetv3": other}))
    again = preprocess_small([str(calm.videos)], str(copied_store))
    assert stages_computed(again) == {"matte": 2}


def test_a_lost_artefact_is_made_again_alone_and_the_same(calm: SmallRun, copied_store: Path) -> None:
    lost = sorted((copied_store / "artefacts" / "matte").glob("*/*"))[0]
    shutil.rmtree(lost)
    again = preprocess_small([str(calm.videos)], str(copied_store))
    assert stages_computed(again) == {"matte": 1}
    assert artefacts(str(copied_store)) == artefacts(str(calm.store))


def test_no_file_is_under_construction_and_no_scratch_is_left(calm: SmallRun, own_cache: Path) -> None:
    assert not list(calm.store.rglob(".tmp-*"))
    assert not [path for path in (own_cache / "scratch").rglob("*") if path.is_file()]
    assert not [path for path in open_store(str(calm.store)).list("") if path.startswith("probe")]


def _stored_with_another_comment(archive: Path, other: Path) -> None:
    """The same zip archive with a comment: the same network, in other bytes."""
    shutil.copyfile(archive, other)
    with zipfile.ZipFile(other, "a") as opened:
        opened.comment = b"mine"
