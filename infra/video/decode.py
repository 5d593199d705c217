"""Frames out of any video file, in order, behind a deadline, with the end of the file checked."""

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import ffmpeg
import numpy as np
import numpy.typing as npt

from reenactory.infra.video import command
from reenactory.infra.video.faults import FaultCode, VideoFault
from reenactory.infra.video.incoming import Deinterlace, at_rate
from reenactory.infra.video.probe import VideoInfo, probe
from reenactory.infra.video.process import FfmpegProcess, Messages

Frames = npt.NDArray[np.uint8]
PixelFormat = Literal["rgb24", "bgr24", "gray"]

_MOST_CHUNK_BYTES = 512 << 20
_SLOWEST_SKIP_FPS = 20.0  # frames per second that are at least decoded on the way to start_frame


@dataclass(frozen=True)
class ReadSpec:
    """Which frames to read and how.

    `rate`: resample to this constant rate by dropping and repeating frames; None gives them as they come. `height`:
    scale to it, width follows the aspect and is even. `start_frame` and `frame_count` count after resampling.
    `threads`: decoder threads. `tolerate_damage`: a damaged or cut-off file just ends. `deinterlace`: frees
    frames that are made of two fields of combing.
    """

    rate: Fraction | None = None
    height: int | None = None
    start_frame: int = 0
    frame_count: int | None = None
    threads: int = 1
    pixel_format: PixelFormat = "rgb24"
    tolerate_damage: bool = False
    deinterlace: Deinterlace = "never"

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, good in {
                "rate": self.rate is None or self.rate > 0,
                "height": self.height is None or self.height > 0,
                "start_frame": self.start_frame >= 0,
                "frame_count": self.frame_count is None or self.frame_count > 0,
                "threads": self.threads > 0,
            }.items()
            if not good
        ]
        if wrong:
            raise ValueError(f"ReadSpec: {', '.join(wrong)} must be positive (start_frame may be 0), got {self}")


def read_chunks(
    path: Path, spec: ReadSpec, chunk_frames: int = 32, stall_s: float = 60.0
) -> Generator[Frames, None, None]:
    """Yield chunks (n, H, W, 3) uint8 RGB (BGR for `bgr24`), or (n, H, W) for `gray`, with 1 <= n <= `chunk_frames`.

    Rotation metadata is applied; gray is luma in 0..255. Frame 0 of a resampled video is its first frame, frame k what
    is shown k / rate seconds later. n is smaller than `chunk_frames` in the last chunk and where a chunk would pass
    512 MB. Memory does not grow with the video. Each chunk is an array of its own.

    Raises `VideoFault` as `probe` does; DECODE_TIMEOUT when no byte arrives for `stall_s`; after the last frame
    DECODE_ERROR when ffmpeg reported errors, or frames are missing against the container's count (more than 2 and 1 %).
    """
    if chunk_frames < 1:
        raise ValueError(f"read_chunks: chunk_frames must be at least 1, got {chunk_frames}")
    info = probe(path, stall_s)
    shape = _frame_shape(info, spec)
    frame_bytes = int(np.prod(shape))
    chunk_frames = max(1, min(chunk_frames, _MOST_CHUNK_BYTES // frame_bytes))
    received = 0
    with FfmpegProcess(_command(path, spec, info, shape), stall_s) as process:
        patience_s = spec.start_frame / _SLOWEST_SKIP_FPS
        while True:
            chunk = np.empty((chunk_frames, *shape), np.uint8)
            whole = process.read_into(chunk.data.cast("B"), patience_s) // frame_bytes
            received, patience_s = received + whole, 0.0
            if whole:
                yield chunk[:whole]
            if whole < chunk_frames:
                break
        exit_code = process.finish()
    if not spec.tolerate_damage:
        check_ending(received, spec, info, exit_code, process.messages)


def read_frames(path: Path, spec: ReadSpec | None = None) -> Frames:
    """All frames in one array: (T, H, W, 3), or (T, H, W) for gray; T is 0 only with `tolerate_damage`."""
    spec = spec or ReadSpec()
    chunks = list(read_chunks(path, spec))
    return np.concatenate(chunks) if chunks else np.empty((0, *_frame_shape(probe(path), spec)), np.uint8)


def expected_frames(info: VideoInfo, rate: Fraction | None) -> int | None:
    """How many frames the container promises at `rate` (None: as they come); None when it promises nothing."""
    if not info.exact:
        return None
    if rate is None:
        return info.frames
    if info.frames is not None and not info.variable_rate:
        return max(1, round(info.frames / info.rate * rate))
    return None if info.seconds is None else max(1, round(info.seconds * rate))


def check_ending(received: int, spec: ReadSpec, info: VideoInfo, exit_code: int, messages: Messages) -> None:
    """Raise DECODE_ERROR when what came is not what the container promised, or ffmpeg complained."""
    reached, promised = spec.start_frame + received, expected_frames(info, spec.rate)
    asked = None if spec.frame_count is None else spec.start_frame + spec.frame_count
    due = min((count for count in (asked, promised) if count is not None), default=None)
    missing = 0 if due is None else due - reached
    short = missing > max(2, 0.01 * (due or 0))
    if exit_code == 0 and messages.count == 0 and received > 0 and not short:
        return
    of = "an unknown number of" if promised is None else str(promised)
    first = f"; first: {messages.first[0]}" if messages.first else ""
    raise VideoFault(
        FaultCode.DECODE_ERROR,
        f"decoded {received} of {of} frames from frame {spec.start_frame} on; exit code {exit_code}; "
        f"{messages.count} decoder messages{first}",
    )


def _frame_shape(info: VideoInfo, spec: ReadSpec) -> tuple[int, ...]:
    width, height = info.width, info.height
    if spec.height is not None:
        width, height = max(2, 2 * round(width * spec.height / height / 2)), spec.height
    return (height, width) if spec.pixel_format == "gray" else (height, width, 3)


def _command(path: Path, spec: ReadSpec, info: VideoInfo, shape: tuple[int, ...]) -> list[str]:
    opened = command.open_input(path, spec.threads)[str(info.stream_index)]
    video = at_rate(opened, spec.rate, spec.deinterlace)
    if spec.start_frame or spec.frame_count is not None:
        end = {} if spec.frame_count is None else {"end_frame": spec.start_frame + spec.frame_count}
        video = video.filter("trim", start_frame=spec.start_frame, **end)
    # Always scaled, though mostly to its own size: a stream that changes size midway must not change the frame length.
    full_range = {"out_range": "pc"} if spec.pixel_format == "gray" else {}
    # Not `accurate_rnd+full_chroma_int`: nearer to the conversion in floats (58 against 46 dB; the fast path used here
    # is 0.9 to 1.5 levels too dark), but decord, PyAV and OpenCV all give the fast path's, and the readers must agree.
    video = video.filter("scale", shape[1], shape[0], flags="bicubic", **full_range)
    video = video.filter("format", spec.pixel_format)
    # The muxer complains of times that meet in one tick of the average rate, so it is given the frame numbers.
    video = video.filter("settb", "1/1000").filter("setpts", "N")
    output = ffmpeg.output(video, "pipe:1", format="rawvideo", fps_mode="passthrough", enc_time_base="1/1000")
    return command.compile_command(output)
