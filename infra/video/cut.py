"""Clips out of a video: many spans and boxes in one decode."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import ffmpeg

from reenactory.infra.video import command
from reenactory.infra.video.colour import to_bt709, to_rgb
from reenactory.infra.video.decode import at_rate
from reenactory.infra.video.encode import REPRODUCIBLE
from reenactory.infra.video.faults import FaultCode, VideoFault
from reenactory.infra.video.probe import VideoInfo, probe
from reenactory.infra.video.process import FfmpegProcess

ClipCodec = Literal["h264", "ffv1", "png"]

_PULSE_BYTES = 4
# The muxer, the pixels and the encoder's options of the lossless ones. Plain mp4 has no name for ffv1; its elder
# brother QuickTime has, and every reader of the one reads the other.
_LOSSLESS: dict[str, tuple[str, str, dict[str, str | int]]] = {
    "ffv1": ("mov", "bgr0", {"c:v": "ffv1", "level": 3, "g": 1, "slices": 4, "slicecrc": 1}),
    "png": ("mp4", "rgb24", {"c:v": "png"}),
}


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


def cut_clips(
    source: Path,
    rate: Fraction,
    spans: Sequence[CropSpan],
    crf: int = 17,
    threads: int = 1,
    stall_s: float = 60.0,
    codec: ClipCodec = "h264",
) -> None:
    """Write every span as an mp4 (h264 yuv420p BT.709, aac when the source has sound) in one pass over `source`.

    `ffv1` and `png` keep the scaled picture as RGB without loss, and take no `crf`.

    Frame k of the source is frame k of `read_chunks(source, ReadSpec(rate=rate))`. The bytes of a clip do not depend on
    the other spans of the call, nor on `threads` (of the decoder). All files appear, or none.
    Raises `VideoFault` as `read_chunks` does, also when a span passes the end of the video; ValueError for a box that
    leaves the frame or an unfit span.
    """
    if not spans:
        return
    info = probe(source, stall_s)
    for span in spans:
        _check_span(span, info)
    partials = [span.path.with_name(f".{span.path.name}.part") for span in spans]
    try:
        _run(source, info, rate, spans, partials, codec, crf, threads, stall_s)
        for span, partial in zip(spans, partials, strict=True):
            _check_clip(span, partial)
        for span, partial in zip(spans, partials, strict=True):
            partial.replace(span.path)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)


def _check_span(span: CropSpan, info: VideoInfo) -> None:
    fits_across = 0 <= span.left < span.left + span.width <= info.width
    fits_down = 0 <= span.top < span.top + span.height <= info.height
    if not (fits_across and fits_down):
        raise ValueError(f"cut_clips: box of {span} leaves the frame of {info.width}x{info.height}")
    if span.start_frame < 0 or span.frame_count < 1 or span.out_size < 2 or span.out_size % 2:
        raise ValueError(f"cut_clips: frames must be positive and out_size even, got {span}")


def _run(
    source: Path,
    info: VideoInfo,
    rate: Fraction,
    spans: Sequence[CropSpan],
    partials: Sequence[Path],
    codec: ClipCodec,
    crf: int,
    threads: int,
    stall_s: float,
) -> None:
    needed = max(span.start_frame + span.frame_count for span in spans)
    graph = _graph(source, info, rate, spans, partials, codec, crf, threads)
    with FfmpegProcess(command.compile_command(graph), stall_s) as process:
        process.messages.ignored_tag = info.audio_codec
        pulse = memoryview(bytearray(_PULSE_BYTES))
        decoded = 0
        while process.read_into(pulse) == _PULSE_BYTES:
            decoded += 1
        exit_code = process.finish()
    messages = process.messages
    if exit_code or messages.count or decoded < needed:
        first = f"; first: {messages.first[0]}" if messages.first else ""
        raise VideoFault(
            FaultCode.DECODE_ERROR,
            f"decoded {decoded} of {needed} frames for {len(spans)} clips; exit code {exit_code}; "
            f"{messages.count} decoder messages{first}",
        )


def _graph(
    source: Path,
    info: VideoInfo,
    rate: Fraction,
    spans: Sequence[CropSpan],
    partials: Sequence[Path],
    codec: ClipCodec,
    crf: int,
    threads: int,
) -> "ffmpeg.nodes.OutputStream":
    """One decode, split to every clip and to the pulse: four bytes a frame on stdout, by which a stall is noticed."""
    opened = command.open_input(source, threads)
    # The pixel format is pinned before the split: else one odd box makes ffmpeg convert the frames of every clip.
    sized = at_rate(opened[str(info.stream_index)], rate).filter("scale", info.width, info.height)
    frames = sized.filter("format", info.pixel_format).filter_multi_output("split", len(spans) + 1)
    sound = (
        None if info.audio_index is None else opened[str(info.audio_index)].filter_multi_output("asplit", len(spans))
    )
    needed = max(span.start_frame + span.frame_count for span in spans)
    pulse = frames[len(spans)].filter("trim", end_frame=needed).filter("scale", 2, 2, flags="neighbor")
    outputs = [
        ffmpeg.output(
            pulse.filter("format", "gray"), "pipe:1", format="rawvideo", fps_mode="passthrough", flush_packets=1
        )
    ]
    for number, (span, partial) in enumerate(zip(spans, partials, strict=True)):
        streams = [_picture(frames[number], span, rate, codec)]
        if sound is not None:
            streams.append(_sound(sound[number], span, rate, info.start_s))
        outputs.append(ffmpeg.output(*streams, str(partial.absolute()), **_encoding(codec, crf, sound is not None)))
    return ffmpeg.merge_outputs(*outputs)


def _picture(frames: "ffmpeg.nodes.Stream", span: CropSpan, rate: Fraction, codec: ClipCodec) -> "ffmpeg.nodes.Stream":
    frames = frames.filter("trim", start_frame=span.start_frame, end_frame=span.start_frame + span.frame_count)
    frames = frames.filter("setpts", f"N*{rate.denominator}/({rate.numerator}*TB)")
    boxed, side = _box(frames, span), span.out_size
    return to_bt709(boxed, side, side) if codec == "h264" else to_rgb(boxed, side, side, _LOSSLESS[codec][1])


def _box(frames: "ffmpeg.nodes.Stream", span: CropSpan) -> "ffmpeg.nodes.Stream":
    """Crop; a box at odd pixels goes through yuv444p, else its chroma planes would sit half a chroma pixel off."""
    if not any(side % 2 for side in (span.left, span.top, span.width, span.height)):
        return frames.filter("crop", span.width, span.height, span.left, span.top, exact=1)
    frames = frames.filter("format", "yuv444p")
    return frames.filter("crop", span.width, span.height, span.left, span.top, exact=1)


def _sound(
    sound: "ffmpeg.nodes.Stream", span: CropSpan, rate: Fraction, video_start: Fraction
) -> "ffmpeg.nodes.Stream":
    """The sound of the same time span, silence where it has none, so that it begins with the picture."""
    start = float(video_start + span.start_frame / rate)
    end = float(video_start + (span.start_frame + span.frame_count) / rate)
    sound = sound.filter("atrim", start=f"{start:.6f}", end=f"{end:.6f}")
    sound = sound.filter("asetpts", f"PTS-{start:.6f}/TB")
    sound = sound.filter("aresample", **{"async": 1, "first_pts": 0}).filter("apad", whole_dur=f"{end - start:.6f}")
    return sound.filter("aformat", channel_layouts="mono|stereo")


def _encoding(codec: ClipCodec, crf: int, with_sound: bool) -> dict[str, str | int]:
    # One encoder thread always: x264 writes other bytes with another number of threads.
    muxer = "mp4" if codec == "h264" else _LOSSLESS[codec][0]
    options: dict[str, str | int] = {"c:v": "libx264", "preset": "medium", "crf": crf}
    if codec != "h264":
        options = _LOSSLESS[codec][2]
    if with_sound:
        options = options | {"c:a": "aac", "b:a": "128k"}
    common: dict[str, str | int] = {"threads": 1, "format": muxer, "movflags": "+faststart", "fps_mode": "passthrough"}
    return options | common | REPRODUCIBLE


def _check_clip(span: CropSpan, partial: Path) -> None:
    with av.open(str(partial)) as container:
        written = container.streams.video[0].frames
    if written != span.frame_count:
        raise VideoFault(FaultCode.DECODE_ERROR, f"clip {span.path.name} got {written} of {span.frame_count} frames")
