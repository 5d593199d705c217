"""Clips out of a video: many spans and boxes in one decode."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av

from reenactory.infra.video.cut_graph import ClipCodec, CropSpan, Cut, graph
from reenactory.infra.video.faults import FaultCode, VideoFault
from reenactory.infra.video.incoming import Deinterlace
from reenactory.infra.video.probe import VideoInfo, probe
from reenactory.infra.video.process import FfmpegProcess

_PULSE_BYTES = 4
# ffmpeg keeps every encoder until its end, 21 MB for each clip of 256x256: 7 GB for four hours of one face. Where it
# can jump, the next few clips cost no decode from the beginning; elsewhere fewer passes are worth the memory.
_CLIPS_AT_ONCE, _CLIPS_AT_ONCE_WITHOUT_JUMP = 8, 32
_JUMP_AFTER_S = 10.0  # nearer to the beginning nothing is gained
_BEFORE_CLIP_S = 3.0  # decoders of sound need what came before (an mp3 frame uses up to ten earlier ones)


def cut_clips(
    source: Path,
    rate: Fraction,
    spans: Sequence[CropSpan],
    crf: int = 17,
    threads: int = 1,
    stall_s: float = 60.0,
    codec: ClipCodec = "h264",
    deinterlace: Deinterlace = "never",
) -> None:
    """Write every span as an mp4 (h264 yuv420p BT.709, aac when the source has sound); a few neighbours per decode.

    `ffv1` and `png` keep the scaled picture as RGB without loss, and take no `crf`.

    Frame k of the source is frame k of `read_chunks(source, ReadSpec(rate=rate, deinterlace=deinterlace))`. The bytes
    of a clip do not depend on the other spans of the call, nor on `threads` (of the decoder). All files appear, or
    none. Memory depends neither on the length of the video nor on the number of spans.
    Raises `VideoFault` as `read_chunks` does, also when a span passes the end of the video; ValueError for a box that
    leaves the frame or an unfit span.
    """
    if not spans:
        return
    info = probe(source, stall_s)
    for span in spans:
        _check_span(span, info)
    cut = Cut(source, info, rate, deinterlace, codec, crf, threads)
    partials = {span.path: span.path.with_name(f".{span.path.name}.part") for span in spans}
    try:
        for batch in _batches(spans, info):
            _write(cut, batch, [partials[span.path] for span in batch], stall_s)
        for path, partial in partials.items():
            partial.replace(path)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def _check_span(span: CropSpan, info: VideoInfo) -> None:
    fits_across = 0 <= span.left < span.left + span.width <= info.width
    fits_down = 0 <= span.top < span.top + span.height <= info.height
    if not (fits_across and fits_down):
        raise ValueError(f"cut_clips: box of {span} leaves the frame of {info.width}x{info.height}")
    if span.start_frame < 0 or span.frame_count < 1 or span.out_size < 2 or span.out_size % 2:
        raise ValueError(f"cut_clips: frames must be positive and out_size even, got {span}")


def _batches(spans: Sequence[CropSpan], info: VideoInfo) -> Iterator[list[CropSpan]]:
    """Neighbours in time, few enough for the memory."""
    at_once = _CLIPS_AT_ONCE_WITHOUT_JUMP if info.first_pts is None else _CLIPS_AT_ONCE
    ordered = sorted(spans, key=lambda span: span.start_frame)
    for first in range(0, len(ordered), at_once):
        yield ordered[first : first + at_once]


def _write(cut: Cut, spans: Sequence[CropSpan], partials: Sequence[Path], stall_s: float) -> None:
    start_s = float(cut.info.start_s + min(span.start_frame for span in spans) / cut.rate)
    if cut.info.first_pts is not None and start_s > _JUMP_AFTER_S:
        try:
            _run(cut, spans, partials, start_s - _BEFORE_CLIP_S, stall_s)
            return
        except VideoFault as fault:
            if fault.code is FaultCode.DECODE_TIMEOUT:
                raise
            # A file whose index promises more than it keeps: read from its beginning, as others are.
    _run(cut, spans, partials, None, stall_s)


def _run(cut: Cut, spans: Sequence[CropSpan], partials: Sequence[Path], seek_s: float | None, stall_s: float) -> None:
    needed = max(span.end_frame for span in spans)
    with FfmpegProcess(graph(cut, spans, partials, seek_s), stall_s) as process:
        process.messages.ignored_tag = cut.info.audio_codec
        pulse = memoryview(bytearray(_PULSE_BYTES))
        decoded = 0
        while process.read_into(pulse) == _PULSE_BYTES:
            decoded += 1
        exit_code = process.finish()
    messages = process.messages
    if exit_code or messages.count or (seek_s is None and decoded < needed):
        first = f"; first: {messages.first[0]}" if messages.first else ""
        raise VideoFault(
            FaultCode.DECODE_ERROR,
            f"decoded {decoded} of {needed} frames for {len(spans)} clips; exit code {exit_code}; "
            f"{messages.count} decoder messages{first}",
        )
    for span, partial in zip(spans, partials, strict=True):
        _check_clip(span, partial)


def _check_clip(span: CropSpan, partial: Path) -> None:
    with av.open(str(partial.absolute())) as container:
        written = sum(stream.frames for stream in container.streams.video)  # no stream where no frame came
    if written != span.frame_count:
        raise VideoFault(FaultCode.DECODE_ERROR, f"clip {span.path.name} got {written} of {span.frame_count} frames")
