"""The filter graph of a cut: one decode, split to every clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import ffmpeg

from reenactory.infra.video import command
from reenactory.infra.video.colour import EXACT_SCALING, to_bt709, to_rgb
from reenactory.infra.video.encode import REPRODUCIBLE
from reenactory.infra.video.incoming import Deinterlace, at_rate
from reenactory.infra.video.probe import VideoInfo

ClipCodec = Literal["h264", "ffv1", "png"]

# The muxer, the pixels and the encoder's options of the lossless ones. Plain mp4 has no name for ffv1; its elder
# brother QuickTime has, and every reader of the one reads the other.
_LOSSLESS: dict[str, tuple[str, str, dict[str, str | int]]] = {
    "ffv1": ("mov", "bgr0", {"c:v": "ffv1", "level": 3, "g": 1, "slices": 4, "slicecrc": 1}),
    "png": ("mp4", "rgb24", {"c:v": "png"}),
}
_CHROMA_REACH_PX = 8  # around a box at odd pixels: what the interpolation of chroma looks at, with room to spare


@dataclass(frozen=True)
class CropSpan:
    """One clip: frames numbered at the rate of the cut, a box in displayed source pixels, the square it becomes."""

    start_frame: int
    frame_count: int
    left: int
    top: int
    width: int
    height: int
    out_size: int
    path: Path

    @property
    def end_frame(self) -> int:
        return self.start_frame + self.frame_count


@dataclass(frozen=True)
class Cut:
    """How all clips of a video are cut."""

    source: Path
    info: VideoInfo
    rate: Fraction
    deinterlace: Deinterlace
    codec: ClipCodec
    crf: int
    threads: int


def graph(cut: Cut, spans: Sequence[CropSpan], partials: Sequence[Path], seek_s: float | None) -> list[str]:
    """The command of one decode, split to every clip and to the pulse: four bytes a frame on stdout, by which a stall
    is noticed. With `seek_s` it begins at the key frame before that second of the file.
    """
    info = cut.info
    opened = command.open_input(cut.source, cut.threads, **_start(info, seek_s))
    begin = info.first_pts if seek_s is not None else None
    # The pixel format is pinned before the split: else one odd box makes ffmpeg convert the frames of every clip.
    sized = at_rate(opened[str(info.stream_index)], cut.rate, cut.deinterlace, begin)
    sized = sized.filter("scale", info.width, info.height)
    frames = sized.filter("format", info.pixel_format).filter_multi_output("split", len(spans) + 1)
    sound = (
        None if info.audio_index is None else opened[str(info.audio_index)].filter_multi_output("asplit", len(spans))
    )
    pulse = frames[len(spans)].filter("trim", end_pts=max(span.end_frame for span in spans))
    pulse = pulse.filter("scale", 2, 2, flags="neighbor").filter("format", "gray")
    outputs = [ffmpeg.output(pulse, "pipe:1", format="rawvideo", fps_mode="passthrough", flush_packets=1)]
    for number, (span, partial) in enumerate(zip(spans, partials, strict=True)):
        streams = [_picture(frames[number], span, cut)]
        if sound is not None:
            streams.append(_sound(sound[number], span, cut))
        encoding = _encoding(cut.codec, cut.crf, sound is not None)
        outputs.append(ffmpeg.output(*streams, str(partial.absolute()), **encoding))
    return command.compile_command(ffmpeg.merge_outputs(*outputs))


def _start(info: VideoInfo, seek_s: float | None) -> dict[str, object]:
    """Time stamps stay as they are in the file wherever a jump is possible, so that they are the same after one."""
    if info.first_pts is None:
        return {}
    jump: dict[str, object] = {} if seek_s is None else {"ss": f"{seek_s:.6f}", "noaccurate_seek": None}
    return jump | {"copyts": None}


def _picture(frames: "ffmpeg.nodes.Stream", span: CropSpan, cut: Cut) -> "ffmpeg.nodes.Stream":
    frames = frames.filter("trim", start_pts=span.start_frame, end_pts=span.end_frame)
    frames = frames.filter("setpts", f"N*{cut.rate.denominator}/({cut.rate.numerator}*TB)")
    boxed, side = _box(frames, span, cut.info), span.out_size
    if cut.codec != "h264":
        return to_rgb(boxed, side, side, _LOSSLESS[cut.codec][1])
    if cut.info.pixel_format.startswith("yuv"):
        # Size first: ffmpeg would apply another matrix (of untagged video) to the larger picture, 1.7 ms at 1080p.
        boxed = boxed.filter("scale", side, side, flags=EXACT_SCALING).filter("format", "yuv444p")
    return to_bt709(boxed, side, side)


def _box(frames: "ffmpeg.nodes.Stream", span: CropSpan, info: VideoInfo) -> "ffmpeg.nodes.Stream":
    """Crop; a box at odd pixels goes through yuv444p, else its chroma planes would sit half a chroma pixel off."""
    if not any(side % 2 for side in (span.left, span.top, span.width, span.height)):
        return frames.filter("crop", span.width, span.height, span.left, span.top, exact=1)
    # Only the surroundings of the box: at 1080p the whole frame costs 2 ms more.
    left, top = (max(0, begin - _CHROMA_REACH_PX) // 2 * 2 for begin in (span.left, span.top))
    right, bottom = (
        min(size, (begin + length + _CHROMA_REACH_PX + 1) // 2 * 2)
        for begin, length, size in ((span.left, span.width, info.width), (span.top, span.height, info.height))
    )
    around = frames.filter("crop", right - left, bottom - top, left, top, exact=1).filter("format", "yuv444p")
    return around.filter("crop", span.width, span.height, span.left - left, span.top - top, exact=1)


def _sound(sound: "ffmpeg.nodes.Stream", span: CropSpan, cut: Cut) -> "ffmpeg.nodes.Stream":
    """The sound of the same time span, silence where it has none, so that it begins with the picture."""
    begin = cut.info.start_s + (cut.info.clock_s if cut.info.first_pts is not None else 0)
    start, end = float(begin + span.start_frame / cut.rate), float(begin + span.end_frame / cut.rate)
    sound = sound.filter("atrim", start=f"{start:.6f}", end=f"{end:.6f}")
    sound = sound.filter("asetpts", f"PTS-{start:.6f}/TB")
    sound = sound.filter("aresample", **{"async": 1, "first_pts": 0}).filter("apad", whole_dur=f"{end - start:.6f}")
    return sound.filter("aformat", channel_layouts="mono|stereo")


def _encoding(codec: ClipCodec, crf: int, with_sound: bool) -> dict[str, str | int]:
    # One encoder thread always: x264 writes other bytes with another number of threads.
    muxer = "mp4" if codec == "h264" else _LOSSLESS[codec][0]
    options: dict[str, str | int] = {"c:v": "libx264", "preset": "fast", "crf": crf}
    if codec != "h264":
        options = _LOSSLESS[codec][2]
    if with_sound:
        options = options | {"c:a": "aac", "b:a": "128k"}
    common: dict[str, str | int] = {"threads": 1, "format": muxer, "movflags": "+faststart", "fps_mode": "passthrough"}
    return options | common | REPRODUCIBLE
