"""publish: a render as the mp4 that people get: labelled, watermarked, its provenance inside. It is never scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from reenactory.infra.keys import canonical_json
from reenactory.infra.video import draw_label, write_video
from reenactory.infra.watermark import SCHEME, holds_mark, mark
from reenactory.tasks.outcomes import Made, Outcome
from reenactory.tasks.stage import Runtime, StageParams

VERSION = 1
SCHEMA = None
VIDEO = "video.mp4"
LABEL = "re-enacted:"


class Params(StageParams):
    """What is put over and into the frames."""

    label: bool = Field(default=True, description="The words 're-enacted: RENDERER' in the bottom left corner.")
    watermark: bool = Field(default=True, description="The render's id, invisible; frames under 48 px have no room.")


@dataclass(frozen=True)
class Item:
    """The scored frames of a render, and what is told of them."""

    scratch: Path
    frames: NDArray[np.uint8]  # (T, H, W, 3) RGB
    fps_num: int
    fps_den: int
    renderer: str
    ident: str  # 12 hexadecimal digits
    told: Mapping[str, JsonValue]  # goes into the file's metadata


def weights(params: Params) -> Sequence[str]:
    return ()


def load(params: Params, runtime: Runtime) -> None:
    return None


def run(item: Item, params: Params, models: None) -> Sequence[Outcome]:
    frames, label, watermark = _even(item.frames), None, None
    if params.label:
        label = f"{LABEL} {item.renderer}"
        frames = draw_label(frames, LABEL, item.renderer)
    if params.watermark and holds_mark(*frames.shape[1:3]):
        watermark = f"{SCHEME} {item.ident}"
        frames = mark(frames, item.ident)  # last, or the label would cover a part of it
    said: dict[str, JsonValue] = {"label": label, "watermark": watermark}
    metadata = {"title": f"Synthetic: {LABEL} {item.renderer}", "comment": canonical_json({**item.told, **said})}
    path = item.scratch / VIDEO
    write_video(path, frames, Fraction(item.fps_num, item.fps_den), "h264", threads=1, metadata=metadata)
    return (Made({VIDEO: path}, len(frames), said),)


def _even(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """H.264's colour is half as wide and high: a renderer's odd last column or row is repeated."""
    odd = [side % 2 for side in frames.shape[1:3]]
    return np.pad(frames, ((0, 0), (0, odd[0]), (0, odd[1]), (0, 0)), "edge") if any(odd) else frames
