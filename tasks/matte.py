"""matte: the alpha of every frame of a clip, stored losslessly, and numbers by which a torn one is found unseen."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from reenactory.infra.video import write_video
from reenactory.models import weights as catalogue
from reenactory.tasks.clip_faces import faces_in_clip
from reenactory.tasks.matte_quality import MatteQuality
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime, StageParams

if TYPE_CHECKING:
    from reenactory.models.rvm.matting import Matting, VideoMatter

VERSION = 3
SCHEMA = None


class Params(StageParams):
    """How the matte is estimated."""

    downsample_ratio: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the frame's size at which RVM estimates before refining: 1 up to 512 px by its own "
        "guidance. 0.5 is three times faster and moves alphas by 0.025 on average; at 0.25 three of eighteen "
        "256 px clips lost the person altogether.",
    )
    warm_up_frames: int = Field(
        default=4,
        ge=0,
        description="So many of the clip's first frames are run once, backwards, before it starts, because a recurrent "
        "matte begins weak: with 4 the first alpha is a quarter nearer to what it would be in mid-clip, with 8 no "
        "more. 0 = as RVM's own script; more where first frames still differ (alpha_change).",
    )
    foreground: bool = Field(
        default=False,
        description="Also store RVM's foreground colours (foreground.mp4, lossless): hair without the old "
        "background's tint, for pasting on a new one. 25 times the bytes of the alpha.",
    )
    min_face_alpha: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Reject a clip (MATTE_LOST_FACE) where the mean alpha in the middle of the face falls below this "
        "in any frame. 0 rejects none: such clips are only flagged (matte_flag, below 0.5). 0.5 for training data.",
    )


@dataclass(frozen=True)
class Item:
    """Frames (T, H, W, 3) uint8 RGB of one clip, its rate, and where it lies in its video's detections."""

    scratch: Path
    frames: NDArray[np.uint8]
    fps_num: int
    fps_den: int
    detections: pa.Table | None = None
    start_frame: int = 0
    box_ltrb: tuple[float, ...] = ()


@dataclass(frozen=True)
class Models:
    matter: "VideoMatter"
    threads: int


def weights(params: Params) -> Sequence[str]:
    return ("rvm_mobilenetv3",)


def load(params: Params, runtime: Runtime) -> Models:
    from reenactory.models.rvm.matting import VideoMatter

    path = catalogue.locate("rvm_mobilenetv3")
    return Models(VideoMatter(path, runtime.device, runtime.threads), runtime.threads)


def run(item: Item, params: Params, models: Models) -> Sequence[Outcome]:
    matting = models.matter.begin(params.downsample_ratio, params.foreground)
    matting.warm_up(item.frames[: params.warm_up_frames])
    alphas, colours = _mattes(item, matting, params.foreground)
    quality = MatteQuality.of(alphas, _faces(item))
    if quality.face_min is not None and quality.face_min < params.min_face_alpha:
        return (
            Rejected(
                Reason.MATTE_LOST_FACE,
                f"mean alpha in the face falls to {quality.face_min} in frame {quality.face_min_frame}, "
                f"min_face_alpha is {params.min_face_alpha}",
            ),
        )
    rate = Fraction(item.fps_num, item.fps_den)
    files = {"alpha.mkv": item.scratch / "alpha.mkv"}
    write_video(files["alpha.mkv"], alphas, rate, "h264gray_lossless", threads=1)
    if colours is not None:
        files["foreground.mp4"] = item.scratch / "foreground.mp4"
        write_video(files["foreground.mp4"], colours, rate, "h264rgb_lossless", threads=1)
    facts: dict[str, JsonValue] = dict(quality.facts())
    return (Made(files, len(alphas), facts),)


def _mattes(item: Item, matting: "Matting", with_colours: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """All alphas; the colours, three times as large, on disk."""
    alphas = np.empty(item.frames.shape[:3], np.uint8)
    colours: NDArray[np.uint8] | None = None
    if with_colours:
        path = item.scratch / "foreground.npy"
        colours = np.lib.format.open_memmap(path, "w+", np.uint8, item.frames.shape)
    for index, matte in enumerate(matting.step(item.frames)):
        alphas[index] = matte.alpha
        if colours is not None and matte.colour is not None:
            colours[index] = matte.colour
    return alphas, colours


def _faces(item: Item) -> NDArray[np.float32]:
    count, height, width = item.frames.shape[:3]
    if item.detections is None:
        return np.full((count, 4), np.nan, np.float32)
    return faces_in_clip(item.detections, item.start_frame, count, item.box_ltrb, (width, height))
