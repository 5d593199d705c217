import hashlib
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from video_files import SINE, encode_numbered, moving_picture, numbers_of, run_ffmpeg

from reenactory.infra.video import (
    ClipCodec,
    CropSpan,
    FaultCode,
    ReadSpec,
    VideoFault,
    command,
    cut_clips,
    probe,
    read_frames,
    read_frames_at,
)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def whole(path: Path, start: int, count: int) -> CropSpan:
    return CropSpan(start, count, 0, 0, 64, 48, 64, path)


def boxed(frames: npt.NDArray[np.uint8], span: CropSpan) -> npt.NDArray[np.uint8]:
    frames = frames[:, span.top : span.top + span.height, span.left : span.left + span.width]
    size = (span.out_size, span.out_size)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]).astype(np.uint8)


def read_exactly(path: Path) -> npt.NDArray[np.uint8]:
    """An independent reader that interpolates chroma and rounds rightly (59 dB from the conversion in floats)."""
    exact = "scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp,format=rgb24"
    raw = path.with_suffix(".rgb")
    run_ffmpeg("-i", path, "-filter_complex", f"[0:v]{exact}[out]", "-map", "[out]", "-f", "rawvideo", raw)
    info = probe(path)
    return np.fromfile(raw, np.uint8).reshape(-1, info.height, info.width, 3)


def psnr(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.fixture(scope="module")
def soft(folder: Path) -> Path:
    """50 frames of 240x180 without hard edges, with sound: what survives 4:2:0 and a second encoding."""
    path = folder / "soft.mp4"
    picture = moving_picture("240x180", 2)
    run_ffmpeg(*picture, *SINE, "-vf", "gblur=6", "-t", 2, "-c:v", "libx264", "-crf", 10, "-pix_fmt", "yuv420p", path)
    return path


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(20), Fraction(30000, 1001)])
def test_frame_numbers_are_those_of_the_reader(good: Path, tmp_path: Path, rate: Fraction) -> None:
    numbers = numbers_of(read_frames(good, ReadSpec(rate=rate)))
    spans = [whole(tmp_path / "a.mp4", 0, 30), whole(tmp_path / "b.mp4", 17, 41), whole(tmp_path / "c.mp4", 58, 1)]
    cut_clips(good, rate, spans)
    for span in spans:
        expected = numbers[span.start_frame : span.start_frame + span.frame_count]
        assert numbers_of(read_frames(span.path)) == expected
        assert probe(span.path).frames == span.frame_count


def test_variable_rate(variable: Path, tmp_path: Path) -> None:
    numbers = numbers_of(read_frames(variable, ReadSpec(rate=Fraction(25))))
    cut_clips(variable, Fraction(25), [whole(tmp_path / "a.mp4", 30, 40)])
    clip = numbers_of(read_frames(tmp_path / "a.mp4"))
    assert clip == numbers[30:70]
    assert clip[10:] == [number for number in range(40, 55) for _ in range(2)]


def test_bytes_depend_on_the_span_alone(soft: Path, tmp_path: Path) -> None:
    span = CropSpan(5, 30, 20, 10, 120, 120, 96, tmp_path / "a.mp4")
    others = [
        CropSpan(0, 50, 0, 0, 180, 180, 64, tmp_path / "other.mp4"),
        CropSpan(11, 20, 31, 7, 131, 131, 128, tmp_path / "odd.mp4"),
    ]
    digests = set()
    for spans, threads in (([span], 1), ([span], 2), ([others[1], span, others[0]], 1), ([others[0], span], 2)):
        cut_clips(soft, Fraction(25), spans, threads=threads)
        digests.add(digest(span.path))
    assert len(digests) == 1


@pytest.mark.parametrize(
    "span",
    [
        CropSpan(5, 20, 20, 10, 128, 128, 128, Path("even.mp4")),
        CropSpan(5, 20, 31, 7, 128, 128, 128, Path("odd.mp4")),
        CropSpan(5, 20, 30, 8, 160, 160, 96, Path("smaller.mp4")),
    ],
)
@pytest.mark.parametrize("matrix", ["unspecified", "bt709", "full range"])
def test_colours_and_place(soft: Path, tmp_path: Path, span: CropSpan, matrix: str) -> None:
    source = tmp_path / "source.mp4"
    filters = {
        "unspecified": "null",
        "bt709": "scale=out_color_matrix=bt709,setparams=colorspace=bt709",
        "full range": "scale=out_range=pc,format=yuvj420p",
    }[matrix]
    run_ffmpeg("-i", soft, "-vf", filters, "-c:v", "libx264", "-crf", 8, source)
    span = replace(span, path=tmp_path / span.path)
    cut_clips(source, Fraction(25), [span])
    for read in (read_exactly, read_frames):
        clip, wanted = read(span.path), boxed(read(source)[5:25], span)
        # The fast reader repeats chroma samples; at the hard colours of this picture that alone takes it to 33 dB.
        assert psnr(clip, wanted) > (38 if read is read_exactly else 32)
        assert np.abs((clip.astype(float) - wanted).mean(axis=(0, 1, 2))).max() < 1
    assert np.array_equal(read_frames_at(span.path, range(20)), clip)


def test_box_in_a_rotated_video_is_as_displayed(rotated: Path, tmp_path: Path) -> None:
    spans = [
        CropSpan(0, 5, 2, 2, 32, 32, 32, tmp_path / "top.mp4"),
        CropSpan(0, 5, 2, 46, 32, 32, 32, tmp_path / "bottom.mp4"),
    ]
    cut_clips(rotated, Fraction(25), spans)
    top, bottom = (read_frames(span.path).mean(axis=(0, 1, 2)) for span in spans)
    assert top[0] > 240 and top[2] < 15
    assert bottom[0] < 15 and bottom[2] > 240


def test_sound_stays_with_the_picture(tmp_path: Path) -> None:
    """A beep and a white flash from 1.2 to 1.6 s, cut from 1.0 s on: both begin 0.2 s into the clip."""
    source = tmp_path / "flash.mkv"
    flash = "color=black:s=64x64:r=25:d=3,drawbox=c=white:t=fill:enable='between(t,1.19,1.59)'"
    beep = "sine=1000:d=3,volume='between(t,1.2,1.6)':eval=frame"
    run_ffmpeg("-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", beep, "-c:v", "ffv1", "-c:a", "pcm_s16le", source)
    clip = tmp_path / "clip.mp4"
    cut_clips(source, Fraction(25), [CropSpan(25, 25, 0, 0, 64, 64, 64, clip)])
    bright = read_frames(clip).mean(axis=(1, 2, 3)) > 128
    assert list(np.flatnonzero(bright)) == list(range(5, 15))
    run_ffmpeg("-i", clip, "-f", "f32le", "-ac", 1, "-ar", 8000, tmp_path / "sound")
    sound = np.fromfile(tmp_path / "sound", np.float32)
    loud = np.flatnonzero(np.abs(sound) > 0.02) / 8000
    assert loud[0] == pytest.approx(0.2, abs=0.04) and loud[-1] == pytest.approx(0.6, abs=0.04)
    assert len(sound) / 8000 == pytest.approx(1.0, abs=0.03)


def test_sound_shorter_than_the_picture(good: Path, tmp_path: Path) -> None:
    source = tmp_path / "short_sound.mp4"
    run_ffmpeg("-i", good, "-af", "atrim=end=1", "-c:v", "copy", source)
    spans = [whole(tmp_path / "a.mp4", 10, 40), whole(tmp_path / "b.mp4", 50, 40)]
    cut_clips(source, Fraction(25), spans)
    assert [numbers_of(read_frames(span.path))[0] for span in spans] == [10, 50]
    for span in spans:  # what the source has no sound for is silent, so that sound and picture end together
        run_ffmpeg("-i", span.path, "-f", "f32le", "-ac", 1, "-ar", 8000, tmp_path / "sound")
        sound = np.fromfile(tmp_path / "sound", np.float32)
        assert len(sound) / 8000 == pytest.approx(1.6, abs=0.03)
        assert np.abs(sound[6000:]).max() < 1e-3
    first = digest(spans[1].path)
    cut_clips(source, Fraction(25), spans[1:])
    assert digest(spans[1].path) == first


def test_broken_sound_does_not_spoil_the_picture(tmp_path: Path) -> None:
    picture, source = encode_numbered(tmp_path / "p.mp4", 100), tmp_path / "source.mkv"
    run_ffmpeg("-i", picture, *SINE, "-c:v", "copy", "-c:a", "aac", "-bsf:a", "noise=amount=20", source)
    cut_clips(source, Fraction(25), [whole(tmp_path / "a.mp4", 10, 40)])
    assert numbers_of(read_frames(tmp_path / "a.mp4")) == list(range(10, 50))


def test_source_without_sound(good: Path, tmp_path: Path) -> None:
    cut_clips(good.with_name("silent.mp4"), Fraction(25), [whole(tmp_path / "a.mp4", 0, 5)])
    assert not probe(tmp_path / "a.mp4").has_audio
    cut_clips(good, Fraction(25), [whole(tmp_path / "b.mp4", 0, 5)])
    assert probe(tmp_path / "b.mp4").has_audio


@pytest.mark.parametrize("bad", ["damaged", "cut_tail"])
def test_faulty_source_gives_a_fault_and_no_file(bad: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    source: Path = request.getfixturevalue(bad)
    early = CropSpan(2, 20, 10, 10, 64, 64, 64, tmp_path / "early.mp4")
    late = replace(early, start_frame=70, path=tmp_path / "late.mp4")
    with pytest.raises(VideoFault) as caught:
        cut_clips(source, Fraction(25), [early, late])
    assert caught.value.code is FaultCode.DECODE_ERROR
    assert not list(tmp_path.iterdir())
    cut_clips(source, Fraction(25), [early])  # nothing behind the span is read
    assert probe(early.path).frames == 20


def test_span_beyond_the_end(good: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoFault, match="decoded 100 of 101 frames"):
        cut_clips(good, Fraction(25), [whole(tmp_path / "a.mp4", 61, 40)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", [{"left": 1}, {"top": -1}, {"out_size": 63}, {"frame_count": 0}, {"width": 0}])
def test_unfit_span(good: Path, tmp_path: Path, change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cut_clips"):
        cut_clips(good, Fraction(25), [replace(whole(tmp_path / "a.mp4", 0, 5), **change)])  # type: ignore[arg-type]


def test_many_spans_in_one_call(good: Path, tmp_path: Path) -> None:
    spans = [whole(tmp_path / f"{start}.mp4", start, 2) for start in range(0, 98, 3)]
    cut_clips(good, Fraction(25), spans)
    assert [numbers_of(read_frames_at(span.path, [0, 1])) for span in spans] == [[n, n + 1] for n in range(0, 98, 3)]


def test_cutter_that_hangs(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "hanging_ffmpeg"
    script.write_text("#!/bin/sh\nsleep 1000\n")
    script.chmod(0o755)
    monkeypatch.setattr(command, "ffmpeg_executable", lambda: str(script))
    started = time.monotonic()
    with pytest.raises(VideoFault, match="DECODE_TIMEOUT"):
        cut_clips(good, Fraction(25), [whole(tmp_path / "a.mp4", 0, 5)], stall_s=0.3)
    assert time.monotonic() - started < 60  # the script sleeps 1000 seconds
    assert not list(tmp_path.glob("*.mp4*"))


@pytest.mark.parametrize("codec", ["ffv1", "png"])
def test_a_lossless_clip(soft: Path, tmp_path: Path, codec: ClipCodec) -> None:
    """An odd box, sound, a second clip beside it: both readers read it alike, and as ffmpeg itself would make it."""
    span = CropSpan(5, 20, 31, 12, 101, 101, 64, tmp_path / "clip.mp4")
    other = CropSpan(0, 30, 10, 10, 60, 60, 32, tmp_path / "other.mp4")
    cut_clips(soft, Fraction(25), [other, span], codec=codec)
    frames, info = read_frames(span.path), probe(span.path)
    assert (info.frames, info.rate, info.has_audio, info.codec) == (20, 25, True, codec)
    assert frames.shape == (20, 64, 64, 3)
    np.testing.assert_array_equal(read_frames_at(span.path, [19, 0, 7]), frames[[19, 0, 7]])
    first = digest(span.path)
    span.path.unlink()
    cut_clips(soft, Fraction(25), [span], threads=2, codec=codec)
    assert digest(span.path) == first
    exact = "format=yuv444p,crop=101:101:31:12:exact=1,scale=64:64:flags=lanczos+accurate_rnd+full_chroma_int"
    raw = tmp_path / "expected.rgb"
    chosen = f"trim=start_frame=5:end_frame=25,{exact}+full_chroma_inp+bitexact,format=rgb24"
    run_ffmpeg("-i", soft, "-an", "-vf", chosen, "-fps_mode", "passthrough", "-f", "rawvideo", raw)
    np.testing.assert_array_equal(np.fromfile(raw, np.uint8).reshape(-1, 64, 64, 3), frames)


def test_the_codecs_show_the_same_picture(soft: Path, tmp_path: Path) -> None:
    shown = {}
    for codec in get_args(ClipCodec):
        span = CropSpan(0, 10, 40, 20, 120, 120, 64, tmp_path / f"{codec}.mp4")
        cut_clips(soft, Fraction(25), [span], codec=codec)
        shown[codec] = read_exactly(span.path)
    assert set(shown) == {"h264", "ffv1", "png"}
    np.testing.assert_array_equal(shown["ffv1"], shown["png"])
    assert psnr(shown["h264"], shown["png"]) > 35
