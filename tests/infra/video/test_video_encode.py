import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from video_files import numbered

from reenactory.infra.video import (
    FaultCode,
    ReadSpec,
    VideoCodec,
    VideoFault,
    command,
    probe,
    read_chunks,
    read_frames,
    read_frames_at,
    write_video,
)
from reenactory.infra.video.encode import GRAY

RATE = Fraction(30000, 1001)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def noise(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def gentle(count: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Slow gradients in three colours, moving: what a codec keeps well, so that a colour shift stands out."""
    time, down, across = np.meshgrid(np.arange(count) / 10, np.arange(height), np.arange(width), indexing="ij")
    phases = [np.sin(across / 23 + time), np.cos(down / 31 - time), np.sin((across + down) / 41 + 2 * time)]
    return np.stack([128 + 90 * phase for phase in phases], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_lossless_colour(tmp_path: Path, suffix: str) -> None:
    frames, path = noise(12, 35, 61, 3), tmp_path / f"a{suffix}"
    write_video(path, frames, RATE, "h264rgb_lossless")
    assert np.array_equal(read_frames(path), frames)
    assert np.array_equal(read_frames_at(path, [11, 0, 5]), frames[[11, 0, 5]])
    assert float(probe(path).rate) == pytest.approx(float(RATE), rel=1e-3)


@pytest.mark.parametrize("codec", GRAY)
def test_lossless_gray(tmp_path: Path, codec: VideoCodec) -> None:
    frames, path = noise(12, 35, 61), tmp_path / "a.mkv"
    write_video(path, frames, Fraction(25), codec)
    assert np.array_equal(read_frames(path, ReadSpec(pixel_format="gray")), frames)
    assert np.array_equal(read_frames_at(path, [7])[0], np.repeat(frames[7][..., None], 3, axis=2))


def test_for_people_to_look_at(tmp_path: Path) -> None:
    frames, path = gentle(20, 96, 128), tmp_path / "a.mp4"
    write_video(path, frames, Fraction(25), "h264")
    info, got = probe(path), read_frames(path)
    assert (info.pixel_format, info.frames, info.rate) == ("yuv420p", 20, 25)
    difference = got.astype(float) - frames
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > 38
    # ffmpeg's fast YUV to RGB path, which every common reader takes, is itself 1 to 1.4 levels too dark.
    assert np.abs(difference.mean(axis=(0, 1, 2))).max() < 2


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("h264", ".mp4"), ("h264rgb_lossless", ".mp4"), ("ffv1_gray", ".mkv"), ("h264gray_lossless", ".mkv")],
)
def test_same_bytes_however_the_frames_come(tmp_path: Path, codec: VideoCodec, suffix: str) -> None:
    frames = noise(14, 32, 48) if codec in GRAY else noise(14, 32, 48, 3)
    ways = [frames, list(frames), iter(frames), (frames[at : at + 5] for at in range(0, 14, 5))]
    digests = set()
    for number, way in enumerate(ways):
        write_video(tmp_path / f"{number}{suffix}", way, Fraction(25), codec)
        digests.add(digest(tmp_path / f"{number}{suffix}"))
    assert len(digests) == 1


def test_chunks_of_a_reader_can_be_written(good: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "copy.mkv", read_chunks(good, ReadSpec()), Fraction(25), "h264rgb_lossless")
    assert np.array_equal(read_frames(tmp_path / "copy.mkv"), read_frames(good))


@pytest.mark.parametrize(
    ("frames", "codec", "name", "words"),
    [
        (numbered(3)[:0], "h264", "a.mp4", "no frames"),
        (numbered(3)[:, :47], "h264", "a.mp4", "even"),
        (numbered(3)[..., 0], "h264", "a.mp4", "takes uint8 frames"),
        (numbered(3).astype(np.float32), "h264", "a.mp4", "float32"),
        (numbered(3)[..., 0], "ffv1_gray", "a.mp4", "mkv"),
        (numbered(3), "h264", "a.avi", "mkv"),
        ([numbered(1)[0], numbered(1)[0, :40]], "h264", "a.mp4", "frame 1 is uint8"),
    ],
)
def test_unfit_frames_leave_no_file(
    tmp_path: Path, frames: npt.NDArray[np.uint8], codec: VideoCodec, name: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        write_video(tmp_path / name, frames, Fraction(25), codec)
    assert not list(tmp_path.iterdir())


def test_failing_encoder_is_an_error_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="write_video"):
        write_video(tmp_path / "absent" / "a.mp4", numbered(200), Fraction(25), "h264")


def test_encoder_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "hanging_ffmpeg"
    script.write_text("#!/bin/sh\nsleep 1000\n")
    script.chmod(0o755)
    monkeypatch.setattr(command, "ffmpeg_executable", lambda: str(script))
    monkeypatch.setattr("reenactory.infra.video.encode._STALL_S", 0.3)
    for frames in (noise(2, 32, 48, 3), noise(200, 128, 128, 3)):  # less and more than the pipe holds
        with pytest.raises(VideoFault) as caught:
            write_video(tmp_path / "a.mp4", frames, Fraction(25), "h264")
        assert caught.value.code is FaultCode.DECODE_TIMEOUT
