"""The crop stage: whatever the codec, the same file name, decoded by the runner alike, with the same bytes again."""

from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from reenactory.infra.video import ClipCodec, write_video
from reenactory.tasks import crop
from reenactory.tasks.outcomes import Made
from reenactory.tasks.running.runner import decode
from reenactory.tasks.stage import Runtime

FRAMES = 8
CLIP = {"start_frame": 2, "frame_count": 4, "box_ltrb": [16, 0, 80, 64]}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crop") / "video.mp4"
    frames = np.zeros((FRAMES, 64, 96, 3), np.uint8)
    frames[..., 0] = np.arange(96) * 2
    frames[..., 1] = 20 * np.arange(FRAMES)[:, None, None]
    write_video(path, frames, Fraction(25), "h264", crf=1)
    return path


def made(video: Path, folder: Path, **knobs: object) -> Made:
    folder.mkdir()
    params = crop.Params.model_validate({"size_px": 64, **knobs})
    (outcome,) = crop.run(crop.Item(folder, video, 25, 1, (CLIP,)), params, crop.load(params, Runtime("cpu", 1)))  # type: ignore[arg-type]
    assert isinstance(outcome, Made)
    return outcome


@pytest.mark.parametrize("codec", get_args(ClipCodec))
def test_a_clip_is_decoded_alike_and_reproducible(video: Path, tmp_path: Path, codec: str) -> None:
    clip = made(video, tmp_path / "one", codec=codec)
    assert (list(clip.files), clip.frames, clip.facts["codec"]) == (["clip.mp4"], 4, codec)
    frames = np.asarray(decode(clip.files["clip.mp4"]))
    assert frames.shape == (4, 64, 64, 3)
    assert np.abs(frames[..., 0].mean(axis=(0, 1)) - (np.arange(64) + 16) * 2).max() < 6
    assert np.abs(frames[..., 1].mean(axis=(1, 2)) - 20 * np.arange(2, 6)).max() < 6
    np.testing.assert_array_equal(np.asarray(decode(clip.files["clip.mp4"], 1, 2)), frames[1:3])
    again = made(video, tmp_path / "two", codec=codec)
    assert again.files["clip.mp4"].read_bytes() == clip.files["clip.mp4"].read_bytes()


def test_a_codec_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="'h264', 'ffv1' or 'png'"):
        crop.Params.model_validate({"codec": "mjpeg"})
