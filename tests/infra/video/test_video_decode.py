import os
import resource
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from video_files import encode_numbered, moving_picture, numbers_of, run_ffmpeg

from reenactory.infra.video import (
    FaultCode,
    PixelFormat,
    ReadSpec,
    VideoFault,
    command,
    probe,
    read_chunks,
    read_frames,
    read_frames_at,
)


def fault_of(path: Path, spec: ReadSpec | None = None) -> VideoFault:
    with pytest.raises(VideoFault) as caught:
        read_frames(path, spec)
    return caught.value


def children() -> set[int]:
    return {int(name) for name in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def test_every_frame_once_and_in_order(good: Path) -> None:
    chunks = list(read_chunks(good, ReadSpec(), chunk_frames=32))
    assert [len(chunk) for chunk in chunks] == [32, 32, 32, 4]
    assert chunks[0].shape == (32, 48, 64, 3) and chunks[0].dtype == np.uint8
    assert numbers_of(np.concatenate(chunks)) == list(range(100))


def test_agrees_with_decord(good: Path, long: Path) -> None:
    for path in (good, long):
        wanted = [40, 3, 3, 99]
        assert np.array_equal(read_frames_at(path, wanted), read_frames(path)[wanted])


def test_random_access_beyond_the_end(good: Path) -> None:
    with pytest.raises(IndexError, match=r"0\.\.99"):
        read_frames_at(good, [5, 100])
    assert read_frames_at(good, []).shape == (0, 48, 64, 3)


@pytest.mark.parametrize("threads", [1, 2])
def test_span(good: Path, threads: int) -> None:
    spec = ReadSpec(start_frame=37, frame_count=20, threads=threads)
    assert numbers_of(read_frames(good, spec)) == list(range(37, 57))
    assert numbers_of(read_frames(good, ReadSpec(start_frame=90))) == list(range(90, 100))


@pytest.mark.parametrize(("pixel_format", "channel"), [("rgb24", 0), ("bgr24", 2)])
def test_rotation_and_colour_order(rotated: Path, pixel_format: PixelFormat, channel: int) -> None:
    frames = read_frames(rotated, ReadSpec(pixel_format=pixel_format))
    assert frames.shape == (10, 80, 40, 3)
    top, bottom = frames[:, :36].mean((0, 1, 2)), frames[:, 44:].mean((0, 1, 2))
    assert top[channel] > 240 and top[2 - channel] < 15
    assert bottom[channel] < 15 and bottom[2 - channel] > 240


def test_gray_is_full_range_luma(good: Path) -> None:
    gray = read_frames(good, ReadSpec(pixel_format="gray"))
    rgb = read_frames(good)
    assert gray.shape == (100, 48, 64)
    assert np.abs(gray.astype(int) - rgb.mean(axis=3)).mean() < 3


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_is_resampled_by_time(variable: Path, suffix: str) -> None:
    path = variable.with_suffix(suffix)
    assert numbers_of(read_frames(path)) == list(range(60))
    shown = numbers_of(read_frames(path, ReadSpec(rate=Fraction(25))))
    assert shown[:79] == [*range(40), *(number for number in range(40, 60) for _ in range(2))][:79]
    assert len(shown) in (79, 80)


def test_resampling_to_its_own_rate_changes_nothing(good: Path, tmp_path: Path) -> None:
    assert numbers_of(read_frames(good, ReadSpec(rate=Fraction(25)))) == list(range(100))
    late = tmp_path / "late_picture.mp4"  # sound leads by half a frame
    run_ffmpeg("-itsoffset", 0.02, "-i", good, "-i", good, "-map", "0:v", "-map", "1:a", "-c", "copy", late)
    assert numbers_of(read_frames(late, ReadSpec(rate=Fraction(25)))) == list(range(100))


def test_halving_the_rate(good: Path) -> None:
    shown = numbers_of(read_frames(good, ReadSpec(rate=Fraction(25, 2))))
    assert len(shown) == 50 and set(np.diff(shown)) == {2}


def test_broadcast_rate(tmp_path: Path) -> None:
    path = encode_numbered(tmp_path / "ntsc.mp4", 120, rate="30000/1001")
    shown = numbers_of(read_frames(path, ReadSpec(rate=Fraction(25))))
    assert len(shown) == 100
    assert all(abs(number - k / 25 * 30000 / 1001) <= 1 for k, number in enumerate(shown))


def test_height_keeps_aspect(tmp_path: Path) -> None:
    path = tmp_path / "odd.mkv"
    run_ffmpeg(*moving_picture("320x180", 0.4), "-vf", "format=yuv444p,scale=321:181", "-c:v", "ffv1", path)
    assert read_frames(path).shape == (10, 181, 321, 3)
    assert read_frames(path, ReadSpec(height=90)).shape == (10, 90, 160, 3)


def test_ten_bits(tmp_path: Path) -> None:
    path = tmp_path / "ten.mp4"
    options = ["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"]
    run_ffmpeg(*moving_picture("96x64", 0.4), *options, path)
    assert probe(path).pixel_format == "yuv420p10le"
    assert read_frames(path).shape == (10, 64, 96, 3)


def test_one_frame(tmp_path: Path) -> None:
    path = encode_numbered(tmp_path / "one.mp4", 1)
    assert numbers_of(read_frames(path)) == [0]
    assert numbers_of(read_frames(path, ReadSpec(rate=Fraction(25)))) == [0]


def test_edit_list_is_obeyed_and_not_taken_for_damage(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "edited.mp4"
    run_ffmpeg("-ss", 1.2, "-i", good, "-c", "copy", path)
    assert numbers_of(read_frames(path)) == list(range(30, 100))
    assert numbers_of(read_frames(path, ReadSpec(rate=Fraction(25)))) == list(range(30, 100))


def test_size_that_changes_midway(tmp_path: Path) -> None:
    for number, size in enumerate(("96x64", "64x96")):
        run_ffmpeg(*moving_picture(size, 1), "-c:v", "libx264", "-pix_fmt", "yuv420p", tmp_path / f"{number}.h264")
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join((tmp_path / f"{number}.h264").read_bytes() for number in range(2)))
    assert read_frames(path).shape == (50, 64, 96, 3)


def test_cut_off_tail(cut_tail: Path) -> None:
    fault = fault_of(cut_tail)
    assert fault.code is FaultCode.DECODE_ERROR
    assert "of 120 frames" in fault.detail and " @ 0x" not in fault.detail
    assert fault_of(cut_tail, ReadSpec(rate=Fraction(25))).code is FaultCode.DECODE_ERROR
    tolerated = read_frames(cut_tail, ReadSpec(tolerate_damage=True))
    assert 40 < len(tolerated) < 100


def test_cut_off_tail_does_not_spoil_what_is_before_it(cut_tail: Path, long: Path) -> None:
    spec = ReadSpec(start_frame=5, frame_count=30)
    assert np.array_equal(read_frames(cut_tail, spec), read_frames(long, spec))


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".avi"])
def test_cut_off_tail_of_other_containers(long: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"whole{suffix}"
    run_ffmpeg("-i", long, "-c", "copy", "-bsf:v", "h264_mp4toannexb" if suffix != ".mkv" else "null", path)
    assert len(read_frames(path)) == 120
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    assert fault_of(path).code is FaultCode.DECODE_ERROR


def test_damaged_middle(damaged: Path) -> None:
    fault = fault_of(damaged)
    assert fault.code is FaultCode.DECODE_ERROR and "decoder messages; first: " in fault.detail
    assert fault_of(damaged).detail == fault.detail
    assert len(read_frames(damaged, ReadSpec(tolerate_damage=True))) > 100


def test_span_behind_the_end(good: Path) -> None:
    assert (
        "decoded 0 of 100 frames from frame 200 on" in fault_of(good, ReadSpec(start_frame=200, frame_count=5)).detail
    )
    assert read_frames(good, ReadSpec(start_frame=200, tolerate_damage=True)).shape == (0, 48, 64, 3)


def test_closing_early_leaves_no_child(long: Path) -> None:
    before = children()
    reader = read_chunks(long, ReadSpec(), chunk_frames=4)
    next(reader)
    assert children() - before
    reader.close()
    assert children() == before


def test_error_in_the_consumer_leaves_no_child(long: Path) -> None:
    before = children()
    with pytest.raises(ZeroDivisionError):
        for _ in read_chunks(long, ReadSpec(), chunk_frames=4):
            _ = 1 / 0
    assert children() == before


def test_slow_consumer_is_no_stall(long: Path) -> None:
    count = 0
    for number, chunk in enumerate(read_chunks(long, ReadSpec(), chunk_frames=40, stall_s=2)):
        count += len(chunk)
        if number == 0:
            time.sleep(3)
    assert count == 120


def hanging(folder: Path, before: str = "") -> str:
    script = folder / "hanging_ffmpeg"
    script.write_text(f"#!/bin/sh\necho $$ > {folder}/group\n{before}\nsleep 1000 & sleep 1000\n")
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize("before", ["", "head -c 30000 /dev/zero", "echo oh dear >&2", "exec 1>&-", "exec 1>&- 2>&-"])
def test_reader_that_hangs(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    script = hanging(tmp_path, before)
    monkeypatch.setattr(command, "ffmpeg_executable", lambda: script)
    alive, started = children(), time.monotonic()
    with pytest.raises(VideoFault) as caught:
        list(read_chunks(good, ReadSpec(), stall_s=0.3))
    assert caught.value.code is FaultCode.DECODE_TIMEOUT
    assert time.monotonic() - started < 60  # the script sleeps 1000 seconds
    assert children() == alive
    group = int((tmp_path / "group").read_text())
    while time.monotonic() - started < 60 and running_in(group):
        time.sleep(0.02)
    assert not running_in(group)


def running_in(group: int) -> list[str]:
    """States of the processes of a group that still run; the dead whom nobody reaped yet do not count."""
    states = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            states.append(state)
    return states


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    path = tmp_path / "hour.mp4"
    run_ffmpeg(*moving_picture("640x360", 12), "-c:v", "libx264", "-preset", "ultrafast", path)
    reader = read_chunks(path, ReadSpec(), chunk_frames=8)
    for _ in range(3):
        next(reader)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in reader:
        pass
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 40  # all 300 frames are 207 MB


@pytest.mark.parametrize(
    "wrong", [{"rate": Fraction(0)}, {"height": 0}, {"start_frame": -1}, {"frame_count": 0}, {"threads": 0}]
)
def test_unfit_spec(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ReadSpec(**wrong)  # type: ignore[arg-type]


@pytest.mark.shared
def test_every_development_clip() -> None:
    clips = Path(__file__).resolve().parents[3].parent / "shared" / "clips"
    if not clips.is_dir():
        pytest.skip("no development clips beside the checkout")
    for path in sorted([*clips.glob("*.mp4"), *clips.glob("*.mkv")]):
        info = probe(path)
        assert info.frames is not None, path
        read = sum(len(chunk) for chunk in read_chunks(path, ReadSpec(height=64)))
        assert abs(read - info.frames) <= 1, path
