"""Good and bad video files, made by ffmpeg once per session."""

from pathlib import Path

import numpy as np
import pytest
from video_files import SINE, encode_numbered, moving_picture, run_ffmpeg


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="session")
def good(folder: Path) -> Path:
    """100 numbered frames at 25 fps with B-frames, 4 s of sound."""
    silent = encode_numbered(folder / "silent.mp4", 100)
    run_ffmpeg("-i", silent, *SINE, "-c:v", "copy", "-c:a", "aac", "-movflags", "+faststart", folder / "good.mp4")
    return folder / "good.mp4"


@pytest.fixture(scope="session")
def long(folder: Path) -> Path:
    """120 frames of 320x240 with much detail: 10 MB as rgb24, far more than any pipe holds."""
    path = folder / "long.mp4"
    run_ffmpeg(*moving_picture("320x240", 4.8), "-c:v", "libx264", "-g", 12, "-pix_fmt", "yuv420p", path)
    run_ffmpeg("-i", path, "-c", "copy", "-movflags", "+faststart", folder / "long_fast.mp4")
    return folder / "long_fast.mp4"


@pytest.fixture(scope="session")
def rotated(folder: Path) -> Path:
    """Left half red, right half blue as stored, 80x40, to be shown turned by 90 degrees clockwise: red on top."""
    flat = folder / "flat.mp4"
    picture = "color=red:s=40x40:d=0.4[a];color=blue:s=40x40:d=0.4[b];[a][b]hstack"
    run_ffmpeg("-filter_complex", picture, "-c:v", "libx264", "-pix_fmt", "yuv420p", flat)
    run_ffmpeg("-display_rotation:v:0", -90, "-i", flat, "-c", "copy", folder / "rotated.mp4")
    return folder / "rotated.mp4"


@pytest.fixture(scope="session")
def variable(folder: Path) -> Path:
    """60 numbered frames: the first 40 every 40 ms, the other 20 every 80 ms, as an mp4 and as Matroska."""
    times = "setpts='if(lt(N,40),N,40+(N-40)*2)/(25*TB)'"
    options = ["-vf", times, "-fps_mode", "vfr", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    encode_numbered(folder / "variable.mp4", 60, *options)
    run_ffmpeg("-i", folder / "variable.mp4", "-c", "copy", folder / "variable.mkv")
    return folder / "variable.mp4"


@pytest.fixture(scope="session")
def cut_tail(folder: Path, long: Path) -> Path:
    data = long.read_bytes()
    (folder / "cut_tail.mp4").write_bytes(data[: len(data) * 6 // 10])
    return folder / "cut_tail.mp4"


@pytest.fixture(scope="session")
def damaged(folder: Path, long: Path) -> Path:
    data = bytearray(long.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(7).integers(0, 256, 4000, dtype=np.uint8).tobytes()
    (folder / "damaged.mp4").write_bytes(data)
    return folder / "damaged.mp4"
