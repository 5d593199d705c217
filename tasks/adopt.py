"""adopt: a video that somebody else's method made, taken in as a render: checked against its pair, never bent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, model_validator

from reenactory.infra.pictures import picture_files
from reenactory.infra.video import Frames, ReadSpec, probe, read_chunks, read_picture_frames, read_tags, write_video
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.provenance import own_video
from reenactory.tasks.render import NO_FRAME_GREY
from reenactory.tasks.stage import Runtime, StageParams

VERSION = 1
SCHEMA = None

FirstFrame = Literal["driven", "extra", "source", "missing"]
SURPLUS: Mapping[FirstFrame, int] = {"driven": 0, "extra": 1, "source": 0, "missing": -1}  # frames beside the pair's
FOR_PEOPLE = "a video for people, not for scores"  # what the row of a render begins with that is one of our own
UNSCORED = ("source", "missing")  # the pair's first frame has no render then


class Params(StageParams):
    """Where the render is in the picture. A video whose size or length differs is refused, not resized."""

    panel: int = Field(default=1, ge=1, description="Which panel of a row of panels holds the render, from the left.")
    panels: int = Field(default=1, ge=1, description="How many panels of equal width the picture is made of.")
    first_frame: FirstFrame = Field(
        default="driven",
        description="What a render begins with. driven: a frame per driving frame. extra: one more before them, which "
        "is left away. source: the source instead of the first driven frame. missing: the second driven frame. In the "
        "last two the pair's first frame is not scored.",
    )

    @model_validator(mode="after")
    def _panel_is_there(self) -> Self:
        if self.panel > self.panels:
            raise ValueError(f"panel {self.panel} of {self.panels} does not exist; they are counted from 1")
        return self


@dataclass(frozen=True)
class Item:
    """The video, or folder of frames, and what its pair asks for."""

    scratch: Path
    video: Path
    driving_count: int
    size_px: int
    fps_num: int
    fps_den: int


def weights(params: Params) -> Sequence[str]:
    return ()


def load(params: Params, runtime: Runtime) -> None:
    return None


def run(item: Item, params: Params, models: None) -> Sequence[Outcome]:
    width, height = _size(item.video)  # what is of the wrong size is not decoded
    if item.driving_count == 1 and params.first_frame in UNSCORED:
        return (Rejected(Reason.FRAME_COUNT_DIFFERS, "the pair has 1 frame, and the first is not scored"),)
    refused = _size_refused(width, height, item, params)
    if refused:
        return (Rejected(Reason.SIZE_DIFFERS, refused),)
    expected = item.driving_count + SURPLUS[params.first_frame]
    frames, count = _frames(item.video, expected)
    if count != expected:
        asked = f", so with --first-frame {params.first_frame} {expected}" if params.first_frame != "driven" else ""
        detail = f"{count} frames, the pair has {item.driving_count}{asked}"
        return (Rejected(Reason.FRAME_COUNT_DIFFERS, detail),)
    left = (params.panel - 1) * item.size_px
    frames, valid = _of_pair(frames[:, :, left : left + item.size_px], params.first_frame)
    files = {name: item.scratch / name for name in ("frames.mp4", "valid.npy")}
    write_video(files["frames.mp4"], frames, Fraction(item.fps_num, item.fps_den), "h264rgb_lossless", threads=1)
    np.save(files["valid.npy"], valid, allow_pickle=False)
    facts: dict[str, JsonValue] = {"valid": int(valid.sum()), "fps_num": item.fps_num, "fps_den": item.fps_den}
    ours = "" if item.video.is_dir() else own_video(read_tags(item.video))
    return (Made(files, len(frames), {**facts, "for_people": ours} if ours else facts),)


def _of_pair(frames: NDArray[np.uint8], first: FirstFrame) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A frame per driving frame, and which of them the method rendered; where it did not, plain grey."""
    frames = np.ascontiguousarray(frames[1:] if first == "extra" else frames)
    if first in UNSCORED:
        grey = np.full_like(frames[:1], NO_FRAME_GREY)
        frames = np.concatenate([grey, frames[1:] if first == "source" else frames])
    valid = np.ones(len(frames), np.bool_)
    valid[:1] = first not in UNSCORED
    return frames, valid


def _frames(video: Path, wanted: int) -> tuple[Frames, int]:
    """The frames, and how many there are; of more than are wanted only the count, for they may not fit into memory."""
    if video.is_dir():
        count = len(picture_files(video))
        return read_picture_frames(video, most=wanted), count
    chunks: list[Frames] = []
    count = 0
    for chunk in read_chunks(video, ReadSpec()):
        count += len(chunk)
        if count <= wanted:
            chunks.append(chunk)
    return np.concatenate(chunks or [np.empty((0, 0, 0, 3), np.uint8)]), count


def _size(video: Path) -> tuple[int, int]:
    if video.is_dir():
        height, width = read_picture_frames(video, most=1).shape[1:3]
        return width, height
    info = probe(video)
    return info.width, info.height


def _size_refused(width: int, height: int, item: Item, params: Params) -> str:
    """Why a picture of this size does not hold the pair's frames; empty where it does."""
    side = item.size_px
    if width % params.panels:
        return f"{width}x{height}, which {params.panels} panels of equal width cannot fill"
    if (width // params.panels, height) == (side, side):
        return ""
    cut = f", in panels of {width // params.panels}x{height}" if params.panels > 1 else ""
    return f"{width}x{height}{cut}, the pair's frames are {side}x{side}"
