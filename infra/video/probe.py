"""What a video file says about itself, and what its first frame adds."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reenactory.infra.video.command import DEMUXERS, MOST_PIXELS, PROTOCOLS
from reenactory.infra.video.faults import FaultCode, VideoFault

_SLOWEST, _FASTEST = Fraction(1), Fraction(240)
_PACKETS_TO_FIRST_FRAME = 250
_UNEVEN_SHARE = 0.02  # of the frame intervals; one odd interval at a cut does not make a file variable
_MICROSECOND = Fraction(1, 1_000_000)
_DECODER_OPTIONS = {"max_pixels": str(MOST_PIXELS)}
_JUMPABLE = "mov,mp4,m4a,3gp,3g2,mj2"
_OPTIONS = {"protocol_whitelist": PROTOCOLS, "format_whitelist": DEMUXERS, **_DECODER_OPTIONS}
_TWO_FIELDS = (2, 3, 4, 5)  # tt, bb, tb, bt; 0 is unknown, 1 progressive


@dataclass(frozen=True)
class VideoInfo:
    """A video as displayed: `width` and `height` are those after the rotation metadata, pixels are taken as square.

    `rate`: nominal frames per second, the average one of a variable-rate file, within 1..240. `frames`: the container's
    count without those its edit list hides, else seconds * rate, None when unknown. `rotation`: clockwise degrees that
    the stored picture is turned by for display (0, 90, 180, 270). `exact`: `frames` and `seconds` are statements about
    this video stream, fit for noticing a cut-off file. `start_s`: when the video begins after the file does, which is
    at `clock_s` on the file's own clock. `first_pts`: time stamp of the first frame, in ticks of the stream; given only
    where the container's index holds every frame, so that a jump into its middle lands on a known frame (mp4 and its
    kin). `fields`: what says that frames are made of two fields: the first frame, or only the stream; None: nothing.
    """

    width: int
    height: int
    rate: Fraction
    frames: int | None
    seconds: float | None
    has_audio: bool
    rotation: int
    variable_rate: bool
    codec: str
    pixel_format: str
    exact: bool = False
    stream_index: int = 0
    audio_index: int | None = None
    audio_codec: str | None = None
    start_s: Fraction = Fraction(0)
    clock_s: Fraction = Fraction(0)
    first_pts: int | None = None
    fields: Literal["frame", "stream"] | None = None


def probe(path: Path, timeout_s: float = 20.0) -> VideoInfo:
    """Read the header and decode the first frame (5-25 ms).

    Raises `VideoFault`: EMPTY_FILE, NO_VIDEO_STREAM, TOO_LARGE (a frame of more than `MOST_PIXELS`), DECODE_ERROR (not
    a video container, no decoder, no frame decodes at the beginning), DECODE_TIMEOUT after `timeout_s` of waiting for
    the file. OSError when the path cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"probe: no regular file at {path}")
    if path.stat().st_size == 0:
        raise VideoFault(FaultCode.EMPTY_FILE, "the file has 0 bytes")
    with _opened(path, timeout_s) as container:
        stream = _video_stream(container)
        # Before decoding: reading on extends the index of a fragmented file.
        frames, index_times = _count(stream), _index_times(stream)
        first, packet_times = _begin(container, stream, 0 if index_times else _PACKETS_TO_FIRST_FRAME)
        return _describe(container, stream, first, frames, index_times, packet_times)


def read_tags(path: Path, timeout_s: float = 30.0) -> dict[str, str]:
    """The container's own texts by ffmpeg's names, e.g. title and comment; the header alone is read.

    Raises VideoFault, as `probe`.
    """
    with _opened(path, timeout_s) as container:
        return dict(container.metadata)


@contextmanager
def _opened(path: Path, timeout_s: float) -> Iterator[InputContainer]:
    try:
        with av.open(
            str(path.absolute()), options=_OPTIONS, timeout=(timeout_s, timeout_s), metadata_errors="replace"
        ) as container:
            yield container
    except (av.error.ExitError, av.error.TimeoutError) as error:
        raise VideoFault(FaultCode.DECODE_TIMEOUT, f"the header did not arrive within {timeout_s:g} s") from error
    except (PermissionError, FileNotFoundError, MemoryError):
        raise
    except av.error.FFmpegError as error:
        raise VideoFault(FaultCode.DECODE_ERROR, f"no readable video container: {error.strerror}") from error


def _video_stream(container: InputContainer) -> VideoStream:
    pictures = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    for stream in container.streams.video:
        if not stream.disposition & pictures:
            if not _decodable(stream):
                raise VideoFault(FaultCode.DECODE_ERROR, f"no decoder for video stream {stream.index}")
            if stream.width * stream.height > MOST_PIXELS:
                said = f"{stream.width}x{stream.height} are more than {MOST_PIXELS / 1e6:.0f} megapixels"
                raise VideoFault(FaultCode.TOO_LARGE, said)
            stream.codec_context.options = _DECODER_OPTIONS
            return stream
    kinds = ", ".join(sorted(stream.type for stream in container.streams)) or "none"
    raise VideoFault(FaultCode.NO_VIDEO_STREAM, f"streams found: {kinds}")


def _decodable(stream: av.stream.Stream) -> bool:
    # PyAV gives no codec context to a stream that its libraries cannot decode.
    return getattr(stream, "codec_context", None) is not None


def _begin(container: InputContainer, stream: VideoStream, packets_wanted: int) -> tuple[VideoFrame, list[int]]:
    """First frame (only decoded frames know their rotation) and the times of the first packets, in one pass."""
    first: VideoFrame | None = None
    complaint: str | None = "end of file"
    times: list[int] = []
    for number, packet in enumerate(islice(container.demux(stream), _PACKETS_TO_FIRST_FRAME)):
        if first is not None and number >= packets_wanted:
            break
        if packet.pts is not None:
            times.append(packet.pts)
        try:
            first = first or next(iter(packet.decode()), None)
        except av.error.InvalidDataError as error:
            complaint = error.strerror
    if first is None:
        raise VideoFault(
            FaultCode.DECODE_ERROR, f"no frame decodes in the first {_PACKETS_TO_FIRST_FRAME} packets: {complaint}"
        )
    return first, times


def _count(stream: VideoStream) -> int | None:
    """The container's count, without the frames that an edit list hides: a TV recording of ours has 158, shows 55."""
    if stream.frames <= 0:
        return None
    shown = sum(not entry.is_discard for entry in stream.index_entries)
    return min(stream.frames, shown) if shown else stream.frames


def _index_times(stream: VideoStream) -> list[int]:
    """Times of all frames shown, where the container's index holds them all (mp4, not Matroska); else nothing."""
    if stream.frames <= 0 or len(stream.index_entries) < stream.frames:
        return []
    return [entry.timestamp for entry in stream.index_entries if not entry.is_discard]


def _is_variable(times: list[int], time_base: Fraction) -> bool:
    """More than 2 % of the intervals differ from the median by a tenth and more than rounding to 1 ms does."""
    intervals = [after - before for before, after in pairwise(sorted(times))]
    if len(intervals) < 2:
        return False
    usual = statistics.median(intervals)
    slack = max(0.1 * usual, float(Fraction(1, 900) / time_base))
    return sum(abs(interval - usual) > slack for interval in intervals) > _UNEVEN_SHARE * len(intervals)


def _describe(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    frames: int | None,
    index_times: list[int],
    packet_times: list[int],
) -> VideoInfo:
    rate, variable = _rate(stream), _is_variable(index_times or packet_times, stream.time_base or _MICROSECOND)
    own_seconds = _stream_seconds(stream)
    whole = None if container.duration is None else container.duration * _MICROSECOND
    seconds = own_seconds if own_seconds is not None else whole
    if frames is None and seconds is not None and not variable:
        frames = max(1, round(seconds * rate))
    rotation = round(-first.rotation / 90) * 90 % 360
    sizes = (first.width, first.height) if rotation % 180 == 0 else (first.height, first.width)
    audio = next((sound for sound in container.streams.audio if _decodable(sound)), None)
    return VideoInfo(
        width=sizes[0],
        height=sizes[1],
        rate=rate,
        frames=frames,
        seconds=None if seconds is None else float(seconds),
        has_audio=audio is not None,
        rotation=rotation,
        variable_rate=variable,
        codec=stream.codec_context.name,
        pixel_format=first.format.name,
        exact=own_seconds is not None,
        stream_index=stream.index,
        audio_index=None if audio is None else audio.index,
        audio_codec=None if audio is None else audio.codec_context.name,
        start_s=_start(container, stream),
        clock_s=(container.start_time or 0) * _MICROSECOND,
        first_pts=first.pts if index_times and container.format.name in _JUMPABLE else None,
        fields=_fields(stream, first),
    )


def _fields(stream: VideoStream, first: VideoFrame) -> Literal["frame", "stream"] | None:
    if first.interlaced_frame:
        return "frame"
    return "stream" if stream.codec_context.field_order in _TWO_FIELDS else None


def _rate(stream: VideoStream) -> Fraction:
    """Average rate, else the container's base rate; a time base of 1/90000 taken for a rate is not believed."""
    for rate in (stream.average_rate, stream.base_rate):
        if rate is not None and _SLOWEST <= rate <= _FASTEST:
            return Fraction(rate)
    return min(max(Fraction(stream.average_rate or 25), _SLOWEST), _FASTEST)


def _stream_seconds(stream: VideoStream) -> Fraction | None:
    """Seconds that the container states for this stream; Matroska writes the time of its end into a tag."""
    base = stream.time_base or _MICROSECOND
    if stream.duration:
        return stream.duration * base
    try:
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        end = 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
    except ValueError:
        return None
    return end - (stream.start_time or 0) * base


def _start(container: InputContainer, stream: VideoStream) -> Fraction:
    """Beginning of the video after that of the file, which ffmpeg takes as time zero."""
    begin = (stream.start_time or 0) * (stream.time_base or _MICROSECOND)
    return max(Fraction(0), begin - (container.start_time or 0) * _MICROSECOND)
