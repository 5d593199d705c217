"""adopt: a video that somebody else's method made, taken in as a render: checked against its pair, never bent."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from reenactory.infra.video import probe, read_frames, write_video
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.stage import Runtime, StageParams

VERSION = 1
SCHEMA = None


class Params(StageParams):
    """No knobs: a video whose size or length differs is refused, not resized."""


@dataclass(frozen=True)
class Item:
    """The video and what its pair asks for."""

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
    info = probe(item.video)
    if (info.width, info.height) != (item.size_px, item.size_px):
        side = item.size_px
        return (Rejected(Reason.SIZE_DIFFERS, f"{info.width}x{info.height}, the pair's frames are {side}x{side}"),)
    frames = read_frames(item.video)
    if len(frames) != item.driving_count:
        return (Rejected(Reason.FRAME_COUNT_DIFFERS, f"{len(frames)} frames, the pair has {item.driving_count}"),)
    files = {name: item.scratch / name for name in ("frames.mp4", "valid.npy")}
    write_video(files["frames.mp4"], frames, Fraction(item.fps_num, item.fps_den), "h264rgb_lossless", threads=1)
    np.save(files["valid.npy"], np.ones(len(frames), np.bool_), allow_pickle=False)
    return (Made(files, len(frames), {"valid": len(frames), "fps_num": item.fps_num, "fps_den": item.fps_den}),)
