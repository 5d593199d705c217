"""Cutting late in a file begins at a key frame before the clip: the bytes are those of a cut from the beginning."""

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from video_files import moving_picture, numbers_of, run_ffmpeg

from reenactory.infra.video import CropSpan, ReadSpec, cut, cut_clips, probe, read_frames

SECONDS, RATE = 24, 25
NOISE = ["-f", "lavfi", "-i", f"anoisesrc=d={SECONDS}:c=pink:r=44100:a=0.2:seed=3"]
H264 = ["-c:v", "libx264", "-g", "100", "-bf", "3", "-pix_fmt", "yuv420p", "-preset", "veryfast"]


def spans(folder: Path, starts: Sequence[int], count: int = 20) -> list[CropSpan]:
    return [CropSpan(start, count, 1, 0, 63, 63, 64, folder / f"{start}.mp4") for start in starts]


def digests(source: Path, rate: Fraction, wanted: Sequence[CropSpan]) -> list[str]:
    cut_clips(source, rate, wanted)
    return [hashlib.sha256(span.path.read_bytes()).hexdigest() for span in wanted]


KINDS = {
    "aac": [*H264, "-c:a", "aac"],
    "mp3": [*H264, "-c:a", "libmp3lame"],
    "open groups of pictures": [*H264, "-x264-params", "open-gop=1", "-c:a", "aac"],
    "late sound": [*H264, "-af", "adelay=300:all=1,asetpts=PTS+0.7/TB", "-c:a", "aac"],
    "variable rate": [*H264, "-vf", "setpts='(N+if(mod(N,7),0,0.6))/(25*TB)'", "-fps_mode", "vfr", "-c:a", "aac"],
    "mpeg4": ["-c:v", "mpeg4", "-g", "60", "-bf", "2", "-c:a", "aac"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
def test_a_jump_changes_no_byte(tmp_path: Path, kind: str, rate: Fraction, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.mp4"
    run_ffmpeg(*moving_picture("96x64", SECONDS), *NOISE, *KINDS[kind], source)
    wanted = spans(tmp_path, [301, 402, 499])
    jumped = [digests(source, rate, [span])[0] for span in wanted]
    monkeypatch.setattr(cut, "_JUMP_AFTER_S", float("inf"))
    assert digests(source, rate, wanted) == jumped


def test_what_a_jump_spares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands that are run: few clips in each, none from the beginning but the first, and all again without."""
    source = tmp_path / "source.mp4"
    run_ffmpeg(*moving_picture("96x64", SECONDS), *H264, source)
    run_ffmpeg("-i", source, "-c", "copy", tmp_path / "source.ts")
    commands: list[list[str]] = []
    graph = cut.graph

    def noted(*arguments: object) -> list[str]:
        commands.append(graph(*arguments))  # type: ignore[arg-type]
        return commands[-1]

    monkeypatch.setattr(cut, "graph", noted)
    wanted = spans(tmp_path, range(0, 500, 25), 4)
    with_jumps = digests(source, Fraction(25), wanted[::-1])
    assert [sum(word.endswith(".part") for word in command) for command in commands] == [8, 8, 4]
    assert ["-ss" in command for command in commands] == [False, False, True]
    commands.clear()
    cut_clips(tmp_path / "source.ts", Fraction(25), wanted)
    assert len(commands) == 1 and "-ss" not in commands[0]  # no index: one pass
    monkeypatch.setattr(cut, "_JUMP_AFTER_S", float("inf"))
    assert digests(source, Fraction(25), wanted[::-1]) == with_jumps


def test_a_jump_that_fails_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.mp4"
    run_ffmpeg(*moving_picture("96x64", SECONDS), *H264, source)
    (wanted,) = spans(tmp_path, [400])
    (honest,) = digests(source, Fraction(25), [wanted])
    monkeypatch.setattr(cut, "_BEFORE_CLIP_S", -5.0)  # lands behind the first frame of the clip
    assert digests(source, Fraction(25), [wanted]) == [honest]


def test_frames_after_a_jump_are_those_of_the_reader(tmp_path: Path) -> None:
    """An edit list hides the first frames, and the sound begins before the picture."""
    whole, source = tmp_path / "whole.mp4", tmp_path / "source.mp4"
    stripes = "geq=lum='if(mod(floor(N/pow(2,floor(X/8))),2),228,28)':cb=128:cr=128"
    run_ffmpeg(*moving_picture("64x48", SECONDS), *NOISE, "-vf", stripes, *H264, "-c:a", "aac", whole)
    run_ffmpeg("-ss", "1.3", "-i", whole, "-c", "copy", source)
    info = probe(source)
    assert info.first_pts is not None
    for rate in (Fraction(25), Fraction(24)):
        numbers = numbers_of(read_frames(source, ReadSpec(rate=rate)))
        clip = CropSpan(400, 30, 0, 0, 64, 48, 64, tmp_path / "clip.mp4")
        cut_clips(source, rate, [clip])
        assert numbers_of(read_frames(clip.path)) == numbers[400:430]
