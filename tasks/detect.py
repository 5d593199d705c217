"""detect: every face of every frame of a video, once. The expensive half of cropping, so its thresholds stay cheap."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from reenactory.infra.video import Deinterlace, ReadSpec, VideoInfo, probe, read_chunks
from reenactory.models import weights as catalogue
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime, StageParams
from reenactory.tasks.tracking.sparse import Found, Seen, SparseSearch

VERSION = 3

SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),  # at the constant rate of the clips, from 0
        ("box_ltrb", pa.list_(pa.float32(), 4)),  # source pixels, as displayed
        ("points", pa.list_(pa.float32(), 10)),  # x, y of five points, source pixels
        ("score", pa.float32()),
        ("sharpness", pa.float32()),  # measured in this frame, also where the box is interpolated
        ("interpolated", pa.bool_()),  # box, points and score lie between those of the nearest searched frames
    ]
)


ROWS_AS_OBJECTS = 256  # a face is 5 KB as Python objects and 70 bytes in a table: hours of video must fit
ROWS_PER_GROUP = 1024  # bounds what the writer holds, too; dictionaries of floats cost it ten times the data


DEFAULT_MEGAPIXELS, DEFAULT_HOURS = 36.0, 24.0
MOST_TERAPIXELS = 20.0  # decoded in all, at these defaults
FRAMES_OF_ANY_FILE = 20_000


class Params(StageParams):
    """How faces are looked for."""

    fps: float | None = Field(
        default=None,
        gt=0,
        description="Constant frame rate of the clips. Default: the video's own; variable-rate videos are "
        "resampled to their average rate, so that clip time is video time.",
    )
    height_px: int = Field(
        default=360,
        ge=64,
        description="Frames are scaled to this height for the detector (VoxCeleb's way). Raise it for small faces.",
    )
    min_score: float = Field(default=0.7, gt=0, lt=1, description="Detections below this score are ignored.")
    stride: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Only every so many frames are searched where the faces move little and stay within their reach; "
        "boxes in between are interpolated. 1 searches every frame, as published: needed to have single missed frames "
        "end a track, or to see faces that show for less than a stride.",
    )
    tolerate_damage: bool = Field(
        default=False,
        description="Use what decodes of damaged or cut-off files instead of rejecting them.",
    )
    deinterlace: Deinterlace = Field(
        default="flagged",
        description="Interlaced video is freed of combing here and when it is cut, at the same frame rate: 'flagged' "
        "where the file says that frames are made of two fields, 'always' for old recordings that do not say so, "
        "'never' to keep them as they are.",
    )
    max_megapixels: float = Field(
        default=DEFAULT_MEGAPIXELS,
        gt=0,
        description="Videos with larger frames are rejected (TOO_LARGE). 8K has 33 to 35.",
    )
    max_hours: float = Field(default=DEFAULT_HOURS, gt=0, description="Longer videos are rejected (TOO_LARGE).")


@dataclass(frozen=True)
class Item:
    """A video file as the user has it."""

    scratch: Path
    video: Path


class Models:
    """The detector, made for one height and score."""

    def __init__(self, params: Params) -> None:
        from reenactory.models.shots import ShotDetector
        from reenactory.models.yunet.detector import FaceDetector

        self.new_shots = ShotDetector  # one per video
        self.detector = FaceDetector(catalogue.locate("yunet"), params.min_score)

    def search(self, frame: NDArray[np.uint8]) -> Seen:
        """Faces of a (H, W, 3) uint8 BGR frame."""
        return Seen(*self.detector.detect(frame)[:3])


def weights(params: Params) -> Sequence[str]:
    return ("yunet",)


def load(params: Params, runtime: Runtime) -> Models:
    return Models(params)


def run(item: Item, params: Params, models: Models) -> Sequence[Outcome]:
    info = probe(item.video)
    if too_large := _too_large(info, params):
        return (Rejected(Reason.TOO_LARGE, too_large),)
    rate, deinterlace = clip_rate(info, params.fps), _deinterlace(info, params)
    longest = _most_frames(info, rate, item.video.stat().st_size, params)
    parts = [SCHEMA.empty_table()]
    rows = _no_rows()
    search = SparseSearch(models.search, models.new_shots().is_cut, params.stride)
    frames, shots = 0, [0]
    for found in search.faces(_frames(item.video, info, rate, deinterlace, params)):
        _append(rows, frames, found, info)
        if found.cut:
            shots.append(frames)
        frames += 1
        if frames > longest.frames:  # the file did not say how long it is, or not the truth
            return (Rejected(Reason.TOO_LARGE, longest.why),)
        if len(rows["frame"]) >= ROWS_AS_OBJECTS:
            parts.append(pa.table(rows, schema=SCHEMA))
            rows = _no_rows()
    table = pa.concat_tables([*parts, pa.table(rows, schema=SCHEMA)])
    facts = {
        "width": info.width,
        "height": info.height,
        "fps_num": rate.numerator,
        "fps_den": rate.denominator,
        "frames": frames,
        "has_audio": info.has_audio,
        "variable_rate": info.variable_rate,
        "rotation": info.rotation,
        "deinterlace": deinterlace,
        "codec": info.codec,
        "faces": table.num_rows,
        "shots": len(shots),
        "searched": search.searched,
    }
    notes = {**{name: str(value) for name, value in facts.items()}, "shot_starts": json.dumps(shots)}
    table = table.replace_schema_metadata(notes)
    path = item.scratch / "detections.parquet"
    pq.write_table(table, path, compression="zstd", use_dictionary=False, row_group_size=ROWS_PER_GROUP)
    return (Made({"detections.parquet": path}, frames, facts),)


def _no_rows() -> dict[str, list[object]]:
    return {name: [] for name in SCHEMA.names}


def clip_rate(info: VideoInfo, fps: float | None) -> Fraction:
    """The constant rate at which frames are numbered: the one asked for, or the video's own."""
    return info.rate if fps is None else Fraction(fps).limit_denominator(1001)


def _too_large(info: VideoInfo, params: Params) -> str | None:
    """Why a video is better not begun: what it would cost is known from its header."""
    megapixels, hours = info.width * info.height / 1e6, (info.seconds or 0) / 3600
    if megapixels > params.max_megapixels:
        return (
            f"{info.width}x{info.height} are {megapixels:.1f} megapixels, max_megapixels is {params.max_megapixels:g}"
        )
    return f"{hours:.1f} hours, max_hours is {params.max_hours:g}" if hours > params.max_hours else None


class _Most(NamedTuple):
    """How many frames a video may have, and what it says of one that has more."""

    frames: int
    why: str


def _most_frames(info: VideoInfo, rate: Fraction, file_bytes: int, params: Params) -> _Most:
    """The least of what its length, its decoded pixels and its own bytes allow: work is bounded, whatever a file says.

    The pixels grow with both knobs: at their defaults, 24 hours of 4K at 25 frames per second pass, 6 hours of 8K too.
    """
    share = params.max_hours / DEFAULT_HOURS * params.max_megapixels / DEFAULT_MEGAPIXELS
    terapixels = MOST_TERAPIXELS * share
    limits = (
        _Most(int(params.max_hours * 3600 * rate), f"more than {params.max_hours:g} hours, which is max_hours"),
        _Most(
            int(terapixels * 1e12 / (info.width * info.height)),
            f"more than {terapixels:g} terapixels in all, which max_hours and max_megapixels give",
        ),
        # No codec gives a frame for less than a byte: these are repeated to fill gaps between time stamps.
        _Most(
            max(file_bytes, FRAMES_OF_ANY_FILE),
            f"more than {max(file_bytes, FRAMES_OF_ANY_FILE)} frames out of "
            f"{file_bytes} bytes: nearly all of them fill gaps between time stamps",
        ),
    )
    return min(limits)


def _deinterlace(info: VideoInfo, params: Params) -> Deinterlace:
    """What is done to this video, by `crop` too. Where only the stream speaks of fields, no frame can be told apart."""
    if params.deinterlace != "flagged":
        return params.deinterlace
    return "never" if info.fields is None else "flagged" if info.fields == "frame" else "always"


def _frames(
    video: Path, info: VideoInfo, rate: Fraction, deinterlace: Deinterlace, params: Params
) -> Iterator[NDArray[np.uint8]]:
    height = params.height_px if info.height > params.height_px else None  # never enlarged: it only costs time
    spec = ReadSpec(
        rate=rate,
        height=height,
        pixel_format="bgr24",
        tolerate_damage=params.tolerate_damage,
        deinterlace=deinterlace,
    )
    for chunk in read_chunks(video, spec):
        yield from chunk


def _append(rows: dict[str, list[object]], frame_number: int, found: Found, info: VideoInfo) -> None:
    from reenactory.models.yunet.detector import sharpness

    height, width = found.frame.shape[:2]
    scale = np.array([info.width / width, info.height / height], np.float32)
    boxes, points, scores, interpolated = found.seen
    for box, five, score in zip(boxes, points, scores, strict=True):
        rows["frame"].append(frame_number)
        rows["box_ltrb"].append(box * np.tile(scale, 2))
        rows["points"].append((five * scale).reshape(-1))
        rows["score"].append(score)
        rows["sharpness"].append(sharpness(found.frame, box))
        rows["interpolated"].append(interpolated)
