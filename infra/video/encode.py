"""Frames into a file, with the same bytes on every call."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Literal

import ffmpeg
import numpy as np

from reenactory.infra.video import command
from reenactory.infra.video.colour import to_bt709
from reenactory.infra.video.decode import Frames
from reenactory.infra.video.process import FfmpegProcess

VideoCodec = Literal["h264", "h264rgb_lossless", "h264gray_lossless", "ffv1_gray"]
GRAY = ("h264gray_lossless", "ffv1_gray")

# What keeps clocks, random ids and library versions out of a file.
REPRODUCIBLE: dict[str, str] = {
    "fflags": "+bitexact",
    "flags:v": "+bitexact",
    "flags:a": "+bitexact",
    "map_metadata": "-1",
    "map_chapters": "-1",
}
MUXERS = {".mp4": "mp4", ".mkv": "matroska"}
_STALL_S = 120.0


def write_video(
    path: Path,
    frames: Frames | Iterable[Frames],
    rate: Fraction,
    codec: VideoCodec,
    crf: int = 17,
    threads: int = 1,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write frames (T, H, W, 3) uint8 RGB, or (T, H, W) uint8 for the gray codecs, or an iterable of frames or chunks.

    `h264`: yuv420p at `crf`, H and W even. `h264rgb_lossless` (.mp4, .mkv), `h264gray_lossless` and `ffv1_gray` (.mkv)
    read back equal. The bytes depend on the frames and arguments alone, `threads` included. The file appears at `path`
    when it is whole. `metadata`: texts by ffmpeg's names, e.g. title and comment, which .mp4 can hold.
    Raises ValueError for no frames, frames of unequal or unfit shape, or a suffix that the codec does not go with;
    RuntimeError with ffmpeg's words when encoding fails.
    """
    if path.suffix not in MUXERS or (codec in GRAY and path.suffix != ".mkv"):
        raise ValueError(
            f"write_video: {codec} does not go into {path.name}; .mkv takes all codecs, .mp4 those in colour"
        )
    source = _single_frames(frames, 2 if codec in GRAY else 3)
    first = next(source, None)
    if first is None:
        raise ValueError(f"write_video: no frames for {path}")
    _check_first(first, codec, path)
    partial = path.with_name(f".{path.name}.part")
    try:
        arguments = _command(partial, first, rate, codec, crf, threads, MUXERS[path.suffix], metadata or {})
        with FfmpegProcess(arguments, _STALL_S, True) as ff:
            _feed(ff, first, source)
            exit_code = ff.finish()
            if exit_code or ff.messages.count:
                raise RuntimeError(f"write_video: {path}: exit code {exit_code}: {'; '.join(ff.messages.first[:3])}")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _single_frames(frames: Frames | Iterable[Frames], frame_dims: int) -> Iterator[Frames]:
    for item in frames:
        array = np.asarray(item)
        if array.ndim == frame_dims + 1:
            yield from array
        else:
            yield array


def _check_first(frame: Frames, codec: VideoCodec, path: Path) -> None:
    fits = frame.ndim == 2 if codec in GRAY else frame.ndim == 3 and frame.shape[2] == 3
    if not fits or frame.dtype != np.uint8 or 0 in frame.shape:
        raise ValueError(
            f"write_video: {path}: {codec} takes uint8 frames {'(H, W)' if codec in GRAY else '(H, W, 3)'}, "
            f"got {frame.dtype} {frame.shape}"
        )
    if codec == "h264" and (frame.shape[0] % 2 or frame.shape[1] % 2):
        raise ValueError(f"write_video: {path}: h264 needs even height and width, got {frame.shape[:2]}")


def _feed(process: FfmpegProcess, first: Frames, rest: Iterator[Frames]) -> None:
    frame: Frames | None = first
    number = 0
    while frame is not None:
        if frame.shape != first.shape or frame.dtype != np.uint8:
            raise ValueError(
                f"write_video: frame {number} is {frame.dtype} {frame.shape}, the first was uint8 {first.shape}"
            )
        if not process.write(np.ascontiguousarray(frame).data.cast("B")):
            return
        frame, number = next(rest, None), number + 1


def _command(
    path: Path,
    first: Frames,
    rate: Fraction,
    codec: VideoCodec,
    crf: int,
    threads: int,
    muxer: str,
    metadata: Mapping[str, str],
) -> list[str]:
    height, width = first.shape[:2]
    pixels = "gray" if codec in GRAY else "rgb24"
    raw = {"format": "rawvideo", "pix_fmt": pixels, "video_size": (width, height)}
    video = ffmpeg.input("pipe:0", framerate=f"{rate.numerator}/{rate.denominator}", **raw).video
    if codec == "h264":
        video = to_bt709(video, width, height)
        options = {"c:v": "libx264", "preset": "medium", "crf": crf}
    elif codec == "h264rgb_lossless":
        options = {"c:v": "libx264rgb", "preset": "ultrafast", "qp": 0}
    elif codec == "h264gray_lossless":
        video = video.filter("setparams", range="pc")
        options = {"c:v": "libx264", "preset": "superfast", "qp": 0, "pix_fmt": "gray"}
    else:
        video = video.filter("setparams", range="pc")
        options = {"c:v": "ffv1", "level": 3, "g": 1, "slices": 4, "slicecrc": 1}
    faststart = {"movflags": "+faststart"} if muxer == "mp4" else {}
    output = ffmpeg.output(
        video,
        str(path.absolute()),
        format=muxer,
        threads=threads,
        fps_mode="passthrough",
        **options,
        **faststart,
        **REPRODUCIBLE,
        **{f"metadata:g:{number}": f"{name}={text}" for number, (name, text) in enumerate(metadata.items())},
    )
    return command.compile_command(output)
