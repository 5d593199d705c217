from fractions import Fraction
from pathlib import Path

import pytest
from video_files import SINE, encode_numbered, moving_picture, run_ffmpeg

from reenactory.infra.video import FaultCode, VideoFault, probe


def test_good_file(good: Path) -> None:
    info = probe(good)
    assert (info.width, info.height, info.rate, info.frames) == (64, 48, Fraction(25), 100)
    assert info.seconds == pytest.approx(4.0)
    assert info.has_audio and info.exact and not info.variable_rate
    assert (info.rotation, info.codec, info.pixel_format) == (0, "h264", "yuv420p")


@pytest.mark.parametrize(("turn", "rotation", "size"), [(-90, 90, (40, 80)), (90, 270, (40, 80)), (180, 180, (80, 40))])
def test_size_is_as_displayed(rotated: Path, tmp_path: Path, turn: int, rotation: int, size: tuple[int, int]) -> None:
    path = tmp_path / "turned.mp4"
    run_ffmpeg("-display_rotation:v:0", turn, "-i", rotated.with_name("flat.mp4"), "-c", "copy", path)
    info = probe(path)
    assert (info.rotation, (info.width, info.height)) == (rotation, size)


def test_variable_rate(variable: Path) -> None:
    info = probe(variable)
    assert info.variable_rate and info.frames == 60
    matroska = probe(variable.with_suffix(".mkv"))
    assert matroska.variable_rate and matroska.frames is None


def test_broadcast_rate_in_matroska_is_not_variable(tmp_path: Path) -> None:
    info = probe(encode_numbered(tmp_path / "ntsc.mkv", 90, rate="30000/1001"))
    assert not info.variable_rate and info.frames == 90
    assert float(info.rate) == pytest.approx(30000 / 1001, rel=1e-3)


def test_frames_hidden_by_an_edit_list_do_not_count(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "edited.mp4"
    run_ffmpeg("-ss", 1.2, "-i", good, "-c", "copy", path)
    assert probe(path).frames == 70


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.mp4", b"", FaultCode.EMPTY_FILE),
        ("text.mp4", b"this is not a video\n" * 200, FaultCode.DECODE_ERROR),
        ("text.txt", b"nor is this\n" * 200, FaultCode.DECODE_ERROR),
        ("zeros.mkv", bytes(5000), FaultCode.DECODE_ERROR),
    ],
)
def test_no_video_at_all(tmp_path: Path, name: str, content: bytes, code: FaultCode) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoFault) as caught:
        probe(tmp_path / name)
    assert caught.value.code is code


def test_playlist_named_as_a_video_opens_nothing(good: Path, tmp_path: Path) -> None:
    playlist = tmp_path / "playlist.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{good}\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoFault, match="DECODE_ERROR"):
        probe(playlist)


def test_sound_alone(tmp_path: Path) -> None:
    run_ffmpeg(*SINE, "-c:a", "aac", tmp_path / "sound.mp4")
    with pytest.raises(VideoFault, match="NO_VIDEO_STREAM: streams found: audio"):
        probe(tmp_path / "sound.mp4")


def test_cover_picture_is_no_video(tmp_path: Path) -> None:
    cover = [*moving_picture("64x64", 0.04), "-frames:v", 1]
    run_ffmpeg(
        *SINE, *cover, "-map", 0, "-map", 1, "-c:v", "mjpeg", "-disposition:v", "attached_pic", tmp_path / "a.m4a"
    )
    with pytest.raises(VideoFault, match="NO_VIDEO_STREAM"):
        probe(tmp_path / "a.m4a")


def test_index_cut_off(long: Path, tmp_path: Path) -> None:
    data = long.with_name("long.mp4").read_bytes()
    (tmp_path / "no_moov.mp4").write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(VideoFault, match="DECODE_ERROR"):
        probe(tmp_path / "no_moov.mp4")


def test_missing_path_is_no_fault_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        probe(tmp_path / "absent.mp4")
    with pytest.raises(FileNotFoundError):
        probe(tmp_path)
