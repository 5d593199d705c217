"""crop: the clips of one video, cut, scaled and encoded by ffmpeg, a few per decode; one artefact per clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

from pydantic import Field, JsonValue

from reenactory.infra.video import ClipCodec, CropSpan, Deinterlace, cut_clips, probe
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime, StageParams

VERSION = 2
SCHEMA = None


class Params(StageParams):
    """How clips are written."""

    size_px: int = Field(default=256, ge=32, le=2048, multiple_of=2, description="Side of the square clip.")
    codec: ClipCodec = Field(
        default="h264",
        description="How clip.mp4 is encoded. 'h264' for all ordinary use; 'ffv1' (30 to 50 times the bytes) or 'png' "
        "(50 to 75 times, a fifth of the speed) keep the scaled picture without loss, for measuring what h264 costs. "
        "All are read alike.",
    )
    crf: int = Field(default=17, ge=0, le=51, description="x264 quality; lower is better and larger. Of 'h264' only.")


@dataclass(frozen=True)
class Item:
    """The source video, its constant rate, what `detect` did to its fields, and per clip: start_frame, frame_count,
    box_ltrb.
    """

    scratch: Path
    video: Path
    fps_num: int
    fps_den: int
    per_key: tuple[dict[str, JsonValue], ...]
    deinterlace: Deinterlace = "never"


@dataclass(frozen=True)
class Models:
    threads: int


def weights(params: Params) -> Sequence[str]:
    return ()


def load(params: Params, runtime: Runtime) -> Models:
    return Models(runtime.threads)


def run(item: Item, params: Params, models: Models) -> Sequence[Outcome]:
    rate = Fraction(item.fps_num, item.fps_den)
    spans = [_span(clip, params.size_px, item.scratch / f"{index}.mp4") for index, clip in enumerate(item.per_key)]
    # One thread: x264's output depends on their number.
    cut_clips(item.video, rate, spans, crf=params.crf, threads=1, codec=params.codec, deinterlace=item.deinterlace)
    return tuple(_check(span, rate, params.codec) for span in spans)


def _span(clip: dict[str, JsonValue], size_px: int, path: Path) -> CropSpan:
    left, top, right, bottom = cast(list[int], clip["box_ltrb"])
    start, count = cast(int, clip["start_frame"]), cast(int, clip["frame_count"])
    return CropSpan(start, count, left, top, right - left, bottom - top, size_px, path)


def _check(span: CropSpan, rate: Fraction, codec: str) -> Outcome:
    frames = probe(span.path).frames
    if frames != span.frame_count:
        return Rejected(
            Reason.DECODE_ERROR, f"{frames} of {span.frame_count} frames from {span.start_frame} could be cut"
        )
    facts: dict[str, JsonValue] = {
        "size_px": span.out_size,
        "codec": codec,
        "fps_num": rate.numerator,
        "fps_den": rate.denominator,
    }
    return Made({"clip.mp4": span.path}, span.frame_count, facts)
