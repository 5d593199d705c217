"""adopt: a video that somebody else's method made, taken in as a render: checked against its pair, never bent."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from reenactory.infra.pictures import picture_files
from reenactory.infra.video import Frames, ReadSpec, probe, read_chunks, read_picture_frames, write_video
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime, StageParams

VERSION = 1
SCHEMA = None


class Params(StageParams):
    """Where the render is in the picture. A video whose size or length differs is refused, not resized."""

    panel: int = Field(default=1, ge=1, description="Which panel of a row of panels holds the render, from the left.")
    panels: int = Field(default=1, ge=1, description="How many panels of equal width the picture is made of.")

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
    refused = _size_refused(width, height, item, params)
    if refused:
        return (Rejected(Reason.SIZE_DIFFERS, refused),)
    frames, count = _frames(item.video, item.driving_count)
    if count != item.driving_count:
        return (Rejected(Reason.FRAME_COUNT_DIFFERS, f"{count} frames, the pair has {item.driving_count}"),)
    left = (params.panel - 1) * item.size_px
    frames = np.ascontiguousarray(frames[:, :, left : left + item.size_px])
    files = {name: item.scratch / name for name in ("frames.mp4", "valid.npy")}
    write_video(files["frames.mp4"], frames, Fraction(item.fps_num, item.fps_den), "h264rgb_lossless", threads=1)
    np.save(files["valid.npy"], np.ones(len(frames), np.bool_), allow_pickle=False)
    return (Made(files, len(frames), {"valid": len(frames), "fps_num": item.fps_num, "fps_den": item.fps_den}),)


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
