"""Files that mean harm: they reach no other file, no network and no option of ffmpeg, and take no memory."""

import resource
import socket
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from video_files import encode_numbered, run_ffmpeg

from reenactory.infra.video import CropSpan, FaultCode, ReadSpec, VideoFault, cut_clips, probe, read_frames

LISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{place}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{place}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 96\na=control:{place}\n",
    "mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1" bandwidth="1" mimeType="video/mp4"><BaseURL>{place}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "asx": "[Reference]\r\nRef1={place}\r\n",
    "smil": '<smil><body><video src="{place}"/></body></smil>',
}
ODD_NAMES = ["-y.mp4", "-i.mp4", "pipe:0.mp4", "http:x.mp4", "concat:a|b.mp4", "%03d.mp4", "a b'c\"d;$(touch x).mp4"]


@pytest.mark.parametrize("suffix", ["mp4", "ts", "m3u8"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_opens_nothing(good: Path, tmp_path: Path, kind: str, suffix: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        for place in (str(good), f"file://{good}", f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts"):
            file = tmp_path / f"list.{suffix}"
            file.write_text(LISTS[kind].format(place=place))
            for read in (probe, read_frames):
                with pytest.raises(VideoFault) as caught:
                    read(file)
                assert caught.value.code is FaultCode.DECODE_ERROR
            with pytest.raises(TimeoutError):
                listener.accept()


def test_an_mp4_that_refers_to_another_file(good: Path, tmp_path: Path) -> None:
    """QuickTime may keep its pictures elsewhere: `url ` in its data reference, of length 12, says `in this file`."""
    content = good.read_bytes()
    place = content.index(b"url \x00\x00\x00\x01")
    mentioned = content[: place + 4] + b"\x00\x00\x00\x00" + content[place + 8 :]
    (tmp_path / "refers.mp4").write_bytes(mentioned)
    try:
        assert read_frames(tmp_path / "refers.mp4").shape == read_frames(good).shape  # taken as its own, or refused
    except VideoFault as fault:
        assert fault.code is FaultCode.DECODE_ERROR


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_neither_an_option_nor_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    encode_numbered(tmp_path / "plain.mp4", 6)
    (tmp_path / "plain.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert probe(Path(name)).frames == 6
    assert len(read_frames(Path(name))) == 6
    cut_clips(Path(name), Fraction(25), [CropSpan(0, 6, 0, 0, 48, 48, 32, Path(f"c-{name}"))])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, f"c-{name}"])


def test_a_title_that_is_no_text(tmp_path: Path) -> None:
    """As old cameras and converters write them: Latin-1, or cut in the middle of a letter."""
    encode_numbered(tmp_path / "plain.mkv", 6)
    run_ffmpeg("-i", tmp_path / "plain.mkv", "-c", "copy", "-metadata", "title=caf\udce9", tmp_path / "titled.mkv")
    assert b"caf\xe9" in (tmp_path / "titled.mkv").read_bytes()
    assert probe(tmp_path / "titled.mkv").codec == "h264"
    assert len(read_frames(tmp_path / "titled.mkv")) == 6


@pytest.mark.parametrize("read", [probe, read_frames])
def test_a_header_alone_takes_no_memory(tmp_path: Path, read: Callable[[Path], object]) -> None:
    """400 megapixels, said by 70 bytes."""
    (tmp_path / "big.y4m").write_bytes(b"YUV4MPEG2 W20000 H20000 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(5000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(VideoFault) as caught:
        read(tmp_path / "big.y4m")
    assert caught.value.code in (FaultCode.TOO_LARGE, FaultCode.DECODE_ERROR)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KB


def test_a_stream_that_grows_midway_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for every frame, not only for what the header says."""
    from reenactory.infra.video import command

    for name, size in (("small", "64x48"), ("large", "640x480")):
        picture = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=0.4")
        run_ffmpeg(*picture, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "h264", tmp_path / f"{name}.h264")
    grown = tmp_path / "grown.h264"
    grown.write_bytes((tmp_path / "small.h264").read_bytes() + (tmp_path / "large.h264").read_bytes())
    assert len(read_frames(grown, ReadSpec(tolerate_damage=True))) > 12
    monkeypatch.setattr(command, "MOST_PIXELS", 100_000)
    with pytest.raises(VideoFault, match="Picture size 640x480"):
        read_frames(grown)
