"""evaluate --renders: videos that somebody else's method made are scored like ours, or refused with a reason."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pictures import write_png
from small_runs import DATASET, DRIVING, SmallRun, ffmpeg, run_command

from reenactory.flows.evaluate import EvaluateRequest, evaluate
from reenactory.flows.pairs import write_pairs
from reenactory.flows.render import RenderRequest, render
from reenactory.infra.records import artefact_path
from reenactory.infra.sources import Source
from reenactory.infra.store import open_store
from reenactory.infra.tables import get_table
from reenactory.infra.video import read_frames
from reenactory.tasks.adopt import Params as AdoptParams
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import read_pairs
from reenactory.tasks.rendering import clip_rows
from reenactory.tasks.scoring import Scoring

pytestmark = pytest.mark.weights

RUN = "five"
SCORED, MISSING, LONG, SMALL, BROKEN = range(5)
REASONS = {MISSING: "NOT_RENDERED", LONG: "FRAME_COUNT_DIFFERS", SMALL: "SIZE_DIFFERS", BROKEN: "DECODE_ERROR"}


@pytest.fixture(scope="module")
def rendered(calm: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store with renders of `copy` for five pairs, and the pairs' names."""
    folder = tmp_path_factory.mktemp("others")
    store = Path(shutil.copytree(calm.store, folder / "store"))
    write_pairs(str(store), DATASET, "self", 5, 0, DRIVING, folder / "pairs.parquet")
    where = {"pairs": str(folder / "pairs.parquet"), "renderer": "copy", "store": str(store), "run": RUN, "workers": 0}
    made = render(RenderRequest.model_validate({**where, "label": False, "watermark": False}))  # as others' would be
    assert made.done == 5
    return store, [pair.pair_id for pair in read_pairs(folder / "pairs.parquet")[0]]


@pytest.fixture(scope="module")
def theirs(rendered: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The renders as another method would bring them: encoded anew; of five, one is as it should be."""
    store, names = rendered
    folder = tmp_path_factory.mktemp("theirs")
    ways = {SCORED: (), LONG: ("-vf", "tpad=stop=2:stop_mode=clone"), SMALL: ("-vf", "scale=64:64"), BROKEN: ()}
    for index, options in ways.items():
        ours = store / "runs" / RUN / "renders" / f"{names[index]}__copy.mp4"
        ffmpeg("-i", ours, *options, "-c:v", "libx264", "-crf", 20, folder / f"{names[index]}.mp4")
    broken = folder / f"{names[BROKEN]}.mp4"
    broken.write_bytes(broken.read_bytes()[:300])
    return folder


def test_each_pair_is_scored_or_has_its_reason(rendered: tuple[Path, list[str]], theirs: Path) -> None:
    store, names = rendered
    words = ("evaluate", "--store", store, "--run", RUN, "--renders", theirs, "--name", "theirs", "--workers", 0)
    done = run_command(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pq.read_table(store / "runs" / RUN / "renders" / "theirs.parquet").to_pandas().set_index("pair_id")
    assert rows["reason"].dropna().to_dict() == {names[index]: reason for index, reason in REASONS.items()}
    assert rows.loc[names[SCORED], "outcome"] == "done"
    scores = pq.read_table(store / "runs" / RUN / "scores.parquet").to_pandas()
    assert set(scores.loc[scores["renderer"] == "theirs", "pair_id"]) == {names[SCORED]}
    assert set(scores.loc[scores["renderer"] == "copy", "pair_id"]) == set(names)
    _scores_are_close(scores[scores["pair_id"] == names[SCORED]])
    assert "6 done" in done.stdout and "NOT_RENDERED" in done.stdout
    again = run_command(*words)
    assert "computed: nothing" in again.stdout


def _scores_are_close(scores: pd.DataFrame) -> None:
    """A second encoding costs a little of everything, and not much."""
    means = scores[scores["frame"] >= 0].groupby(["metric", "renderer"])["value"].mean().unstack()
    assert abs(means.loc["psnr", "theirs"] - means.loc["psnr", "copy"]) < 2
    assert abs(means.loc["csim", "theirs"] - means.loc["csim", "copy"]) < 0.15
    assert means.loc["psnr", "theirs"] != means.loc["psnr", "copy"]


def test_a_folder_without_any_render_of_the_run_is_wrong_use(
    rendered: tuple[Path, list[str]], videos: Path, tmp_path: Path
) -> None:
    store, names = rendered
    done = run_command("evaluate", "--store", store, "--run", RUN, "--renders", videos, "--workers", 0)
    assert done.returncode == 2 and f"{names[0]}.mp4" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_their_renders_do_not_take_the_name_of_ours(rendered: tuple[Path, list[str]], theirs: Path) -> None:
    store = rendered[0]
    ours = store / "runs" / RUN / "renders" / "copy.parquet"
    before = ours.read_bytes()
    with pytest.raises(WrongUseError, match="take another --name"):
        evaluate(EvaluateRequest(store=str(store), run=RUN, renders=str(theirs), name="copy", workers=0))
    assert ours.read_bytes() == before


def test_the_verdict_on_a_video_depends_on_the_size_that_its_pair_asks_for(
    calm: SmallRun, rendered: tuple[Path, list[str]]
) -> None:
    """One file, given for clips of 128 and of 256 pixels, is right for one of them only."""
    store = open_store(str(calm.store))
    clips = clip_rows(read_clips(store, DATASET))
    large = {name: {**row, "crop_px": 256} for name, row in clips.items()}
    pair = read_pairs(calm.pairs)[0][0]
    video = replace(Source("/x.mp4", "x", "x", "1:1"), sha256="0" * 64)
    keys = {Scoring(rows).adopt(pair, "theirs", video, AdoptParams())[0].keys for rows in (clips, large)}
    assert len(keys) == 2


def test_frames_in_panels_score_as_the_video_that_they_were(rendered: tuple[Path, list[str]], tmp_path: Path) -> None:
    """PNG loses nothing: renders of `copy`, brought as the right half of pictures, get the scores of `copy`."""
    store = open_store(str(rendered[0]))
    rows = get_table(store, f"runs/{RUN}/renders/copy.parquet").to_pylist()[:2]
    for row in rows:
        video = store.local_path(artefact_path("render", row["render_key"], "frames.mp4"), tmp_path)
        for number, frame in enumerate(read_frames(video)):
            write_png(tmp_path / "grid" / row["pair_id"] / f"{number:04d}.png", np.hstack([255 - frame, frame]))
    request = EvaluateRequest(
        store=store.uri, run=RUN, renders=str(tmp_path / "grid"), name="grid", panel="2/2", workers=0
    )
    summary = evaluate(request)
    assert summary.failed == 0 and summary.notes[0] == "renders: 2 of 5 pairs"
    scores = get_table(store, f"runs/{RUN}/scores.parquet").to_pandas()
    scores = scores[scores["pair_id"].isin([row["pair_id"] for row in rows])].drop(columns="run")
    ours, grid = (
        scores[scores["renderer"] == name].drop(columns="renderer").reset_index(drop=True) for name in ("copy", "grid")
    )
    assert len(ours) > 100
    pd.testing.assert_frame_equal(ours, grid, check_exact=True)


def test_pairs_of_single_frames_are_scored(rendered: tuple[Path, list[str]], tmp_path: Path) -> None:
    """What a paper's protocol of frame pairs needs; over time and as a video there is nothing to measure."""
    store, out, run = str(rendered[0]), tmp_path / "pairs.parquet", "frames"
    write_pairs(store, DATASET, "multiguidance-self", 2, 0, 0, out)
    render(RenderRequest(pairs=str(out), renderer="copy", store=store, run=run, workers=0))
    summary = evaluate(EvaluateRequest(store=store, run=run, workers=0))
    assert (summary.done, summary.failed) == (2, 0)
    assert summary.pairs is not None and summary.pairs.drawn == "multiguidance-self, seed 0, 2 of 40 pairs"
    means = get_table(open_store(store), f"runs/{run}/scores.parquet").to_pandas().groupby("metric")["value"].mean()
    assert means[["psnr", "csim", "aed_l1", "akd"]].notna().all()
    assert means[["flicker", "fid_per_video"]].isna().all()


def test_our_own_videos_for_people_are_not_taken_for_renders_in_silence(
    rendered: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """A label in the corner and a lossy codec bias every score; a stranger was told nothing."""
    store, names = rendered
    run_of_mine = {"pairs": str(store.parent / "pairs.parquet"), "renderer": "copy", "store": str(store), "run": "mine"}
    render(RenderRequest.model_validate({**run_of_mine, "workers": 0}))
    folder = tmp_path / "brought"
    folder.mkdir()
    shutil.copy(store / "runs" / "mine" / "renders" / f"{names[0]}__copy.mp4", folder / f"{names[0]}.mp4")
    asked = {"store": str(store), "run": "mine", "renders": str(folder), "name": "again", "workers": 0}
    summary = evaluate(EvaluateRequest.model_validate(asked))
    (warning,) = [note for note in summary.notes if note.startswith("WARNING")]
    assert f"1 ({names[0]}) are videos that reenactory made for people" in warning
    rows = get_table(open_store(str(store)), "runs/mine/renders/again.parquet").to_pylist()
    details = {row["pair_id"]: row["detail"] for row in rows if row["outcome"] == "done"}
    assert details == {names[0]: "a video for people, not for scores: labelled and watermarked"}
    page = (store / "runs" / "mine" / "report.html").read_text()
    assert (
        page.count("on 1 of 5 pairs it was scored on a video that reenactory made for people") == 2
    )  # at the top, and at the method
