"""adopt: a render that somebody brings is taken as it is, cut where that was asked for, or refused."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import write_png
from pydantic import ValidationError

from reenactory.infra.video import read_frames, write_video
from reenactory.tasks.adopt import Item, Params, run
from reenactory.tasks.outcomes import Made, Reason, Rejected
from reenactory.tasks.provenance import FORMAT

FRAMES, SIDE = 5, 32
GRID = np.random.default_rng(0).integers(0, 256, (FRAMES, SIDE, 3 * SIDE, 3), np.uint8)


@pytest.fixture(params=["video", "pictures"])
def grid(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Three panels side by side, without loss."""
    if request.param == "video":
        write_video(tmp_path / "p.mp4", GRID, Fraction(25), "h264rgb_lossless")
        return tmp_path / "p.mp4"
    for number, frame in enumerate(GRID):
        write_png(tmp_path / "p" / f"{number:07d}.png", frame)
    return tmp_path / "p"


def adopt(
    video: Path, count: int = FRAMES, side: int = SIDE, unscored: int = 0, **params: object
) -> "NDArray[np.uint8] | Rejected":
    scratch = video.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    (outcome,) = run(Item(scratch, video, count, side, 25, 1), Params.model_validate(params), None)
    if isinstance(outcome, Rejected):
        return outcome
    assert isinstance(outcome, Made)
    assert np.load(outcome.files["valid.npy"]).tolist() == [False] * unscored + [True] * (count - unscored)
    assert outcome.facts["valid"] == count - unscored
    return read_frames(outcome.files["frames.mp4"])


@pytest.mark.parametrize("panel", [1, 2, 3])
def test_a_panel_is_cut_out_to_the_pixel(grid: Path, panel: int) -> None:
    cut = adopt(grid, panel=panel, panels=3)
    assert np.array_equal(cut, GRID[:, :, (panel - 1) * SIDE : panel * SIDE])


def test_nothing_is_resized_or_cut_in_silence(grid: Path) -> None:
    assert adopt(grid) == Rejected(Reason.SIZE_DIFFERS, "96x32, the pair's frames are 32x32")
    assert adopt(grid, panel=1, panels=5) == Rejected(
        Reason.SIZE_DIFFERS, "96x32, which 5 panels of equal width cannot fill"
    )
    assert adopt(grid, panel=2, panels=2) == Rejected(
        Reason.SIZE_DIFFERS, "96x32, in panels of 48x32, the pair's frames are 32x32"
    )
    for count in (FRAMES - 1, FRAMES + 1):
        found = adopt(grid, count, panel=1, panels=3)
        assert found == Rejected(Reason.FRAME_COUNT_DIFFERS, f"{FRAMES} frames, the pair has {count}")


@pytest.mark.parametrize(
    ("first_frame", "count", "unscored", "kept"),
    [("extra", FRAMES - 1, 0, 1), ("source", FRAMES, 1, 1), ("missing", FRAMES + 1, 1, 0)],
)
def test_a_render_that_begins_otherwise_is_taken_as_it_was_said_to_be(
    grid: Path, first_frame: str, count: int, unscored: int, kept: int
) -> None:
    """Every frame that is scored stands at the driving frame that it was made from; where there is none, grey."""
    cut = adopt(grid, count, unscored=unscored, panel=2, panels=3, first_frame=first_frame)
    assert isinstance(cut, np.ndarray)
    assert np.array_equal(cut[unscored:], GRID[kept:, :, SIDE : 2 * SIDE])
    assert (cut[:unscored] == 127).all()
    for wrong in (count - 1, count + 1):
        refused = adopt(grid, wrong, panel=2, panels=3, first_frame=first_frame)
        assert isinstance(refused, Rejected) and refused.reason is Reason.FRAME_COUNT_DIFFERS
        assert f"the pair has {wrong}, so with --first-frame {first_frame}" in refused.detail


def test_a_pair_of_one_frame_needs_its_first(grid: Path) -> None:
    for first_frame in ("source", "missing"):
        refused = adopt(grid, 1, panel=1, panels=3, first_frame=first_frame)
        assert refused == Rejected(Reason.FRAME_COUNT_DIFFERS, "the pair has 1 frame, and the first is not scored")


def test_a_panel_beyond_the_last_is_wrong() -> None:
    with pytest.raises(ValidationError, match="panel 3 of 2 does not exist"):
        Params(panel=3, panels=2)


def test_a_video_that_was_published_here_is_known_by_its_tags(tmp_path: Path) -> None:
    frames = GRID[:, :, :SIDE]
    told = {"format": FORMAT, "label": "re-enacted: warp", "watermark": None}
    for name, comment in (("ours", json.dumps(told)), ("theirs", "filmed by me"), ("list", "[1]")):
        path = tmp_path / f"{name}.mp4"
        write_video(path, frames, Fraction(25), "h264rgb_lossless", metadata={"comment": comment})
        (outcome,) = run(Item(tmp_path, path, FRAMES, SIDE, 25, 1), Params(), None)
        assert isinstance(outcome, Made)
        assert outcome.facts.get("for_people") == ("labelled" if name == "ours" else None)
