"""Interlaced video: combing goes, the number of frames and their times stay, and reading and cutting agree."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from video_files import run_ffmpeg

from reenactory.infra.video import CropSpan, Deinterlace, ReadSpec, cut_clips, probe, read_frames

FRAMES = 30
# A bright bar that moves 8 px per field over a soft ground.
BAR = "if(between(X-mod(8*N,300),0,40),220,60+30*sin(X/20))"
FIELDS = f"nullsrc=s=320x192:r=50:d={FRAMES / 25},geq=lum='{BAR}':cb=128:cr=128"
INTERLACED = {
    "tff": ["-vf", "tinterlace=interleave_top,setfield=tff", "-c:v", "libx264", "-flags", "+ildct+ilme"],
    "bff": ["-vf", "tinterlace=interleave_bottom,setfield=bff", "-c:v", "libx264", "-flags", "+ildct+ilme"],
    "mpeg2": ["-vf", "tinterlace=interleave_top", "-c:v", "mpeg2video", "-q:v", 2, "-flags", "+ildct+ilme"],
}


def made(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}{'.mpg' if kind == 'mpeg2' else '.mp4'}"
    run_ffmpeg("-f", "lavfi", "-i", FIELDS, *INTERLACED[kind], "-pix_fmt", "yuv420p", path)
    return path


def combing(frames: npt.NDArray[np.uint8]) -> float:
    """How much more neighbouring rows differ than rows two apart: a picture of two moments has a comb at its edges."""
    rows = frames[..., 1].astype(float)
    near, far = np.abs(rows[:, 1:-1] - rows[:, :-2]).mean(), np.abs(rows[:, 2:] - rows[:, :-2]).mean()
    return float(near / (far + 0.1))


def read(path: Path, deinterlace: Deinterlace) -> npt.NDArray[np.uint8]:
    return read_frames(path, ReadSpec(rate=Fraction(25), deinterlace=deinterlace))


@pytest.mark.parametrize("kind", INTERLACED)
def test_combing_goes_and_the_frames_stay(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, kind)
    assert probe(path).fields == "frame"
    kept, freed = read(path, "never"), read(path, "flagged")
    assert len(kept) == len(freed) == FRAMES
    assert combing(kept) > 5 and combing(freed) < 1.5
    # The bar of frame k is where its first field shows it: 16 px further from frame to frame.
    places = [np.flatnonzero(frame[96, :, 1] > 180).mean() for frame in freed[2:16]]
    assert np.diff(places) == pytest.approx(16, abs=1.5)
    assert abs(places[0] - np.flatnonzero(kept[2, 96:97, :, 1] > 180).mean()) < 9


def test_a_clip_shows_what_the_reader_shows(tmp_path: Path) -> None:
    path = made(tmp_path, "tff")
    span = CropSpan(5, 20, 0, 0, 192, 192, 192, tmp_path / "clip.mp4")
    cut_clips(path, Fraction(25), [span], crf=8, deinterlace="flagged")
    clip, wanted = read_frames(span.path), read(path, "flagged")[5:25, :, :192]
    assert combing(clip) < 1.5
    assert np.abs(clip.astype(float) - wanted).mean() < 2
    cut_clips(path, Fraction(25), [span], crf=8)
    assert combing(read_frames(span.path)) > 3


def test_progressive_frames_pass_as_they_are(good: Path) -> None:
    assert probe(good).fields is None
    np.testing.assert_array_equal(read(good, "flagged"), read(good, "never"))


def test_one_frame_of_two_fields(tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    run_ffmpeg("-i", made(tmp_path, "tff"), "-frames:v", 1, "-c:v", "libx264", "-flags", "+ildct+ilme", path)
    assert read(path, "flagged").shape == read(path, "never").shape == (1, 192, 320, 3)


def test_fields_that_no_frame_tells_of(tmp_path: Path) -> None:
    """What the stream says of a file whose decoder does not mark frames, and what 'always' does with it."""
    path = tmp_path / "unmarked.mkv"
    run_ffmpeg("-i", made(tmp_path, "tff"), "-vf", "setfield=prog", "-c:v", "mjpeg", "-q:v", 2, path)
    assert probe(path).fields is None
    assert combing(read(path, "flagged")) > 4 and combing(read(path, "always")) < 1.5
    marked = tmp_path / "marked.mkv"
    run_ffmpeg("-i", path, "-c", "copy", "-field_order", "tt", marked)
    assert probe(marked).fields == "stream"
