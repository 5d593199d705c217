"""render: one pair, one renderer: lossless frames, for the scorer and for `publish`."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from reenactory.infra.video import write_video
from reenactory.models import weights as catalogue
from reenactory.models.renderers.protocol import Driving, Face, Renderer, Source
from reenactory.tasks.face3d import column
from reenactory.tasks.outcomes import Made, Outcome, Reason, Rejected
from reenactory.tasks.renderers import renderer_class
from reenactory.tasks.stage import Runtime, StageParams

VERSION = 1  # stays: older records hold a file more, which nothing reads
SCHEMA = None
NO_FRAME_GREY = 127  # a frame that could not be rendered is plain grey and not valid: it is never scored


class Params(StageParams):
    """Which method."""

    renderer: str = Field(description="Name of an installed renderer.")
    renderer_version: int = Field(description="Its card's version: raised when its output changes.")


@dataclass(frozen=True)
class Item:
    """A source frame and the driving span, decoded; what the renderer does not need is None."""

    scratch: Path
    fps_num: int
    fps_den: int
    driving_count: int
    driving_px: int  # side of the driving clip's frames
    source_frame: NDArray[np.uint8]  # (1, H, W, 3)
    source_alpha: NDArray[np.uint8] | None = None  # (1, H, W)
    source_mesh: NDArray[np.float32] | None = None  # (1, 478, 3)
    source_face: pa.Table | None = None
    driving_mesh: NDArray[np.float32] | None = None  # (T, 478, 3)
    driving_face: pa.Table | None = None
    driving_frames: NDArray[np.uint8] | None = None


def weights(params: Params) -> Sequence[str]:
    return renderer_class(params.renderer).card.weights


def load(params: Params, runtime: Runtime) -> Renderer[object]:
    import torch

    torch.set_num_threads(runtime.threads)
    chosen = renderer_class(params.renderer)
    return chosen(runtime.device, {name: str(catalogue.locate(name)) for name in chosen.card.weights})


def run(item: Item, params: Params, models: Renderer[object]) -> Sequence[Outcome]:
    source = Source(
        item.source_frame[0],
        None if item.source_alpha is None else item.source_alpha[0],
        face_of(item.source_mesh, item.source_face, item.source_frame.shape[1:3]),
    )
    if source.face is not None and not (np.isfinite(source.face.mesh).all() and np.isfinite(source.face.exp).all()):
        return (Rejected(Reason.NO_FACE, "no face was found in the source frame"),)
    driving_face = face_of(item.driving_mesh, item.driving_face, (item.driving_px, item.driving_px))
    driving = Driving(item.driving_count, driving_face, item.driving_frames)
    animated = models.animate(models.prepare(source), driving)
    valid = np.asarray(np.isfinite(animated).all(axis=(1, 2, 3)))
    if not valid.any():
        return (Rejected(Reason.NO_FACE, f"no face was found in any of the {item.driving_count} driving frames"),)
    return (_write(item, to_uint8(animated, valid), valid),)


def to_uint8(animated: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(T, 3, H, W) float in [0, 1] to (T, H, W, 3) uint8, rounded to nearest; invalid frames plain grey."""
    frames = np.full((len(animated), *animated.shape[2:], 3), NO_FRAME_GREY, np.uint8)
    for index in np.flatnonzero(valid):
        frames[index] = np.rint(np.clip(animated[index], 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    return frames


def _write(item: Item, frames: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Made:
    rate = Fraction(item.fps_num, item.fps_den)
    files = {name: item.scratch / name for name in ("frames.mp4", "valid.npy")}
    write_video(files["frames.mp4"], frames, rate, "h264rgb_lossless", threads=1)
    np.save(files["valid.npy"], valid, allow_pickle=False)
    facts = {"valid": int(valid.sum()), "fps_num": item.fps_num, "fps_den": item.fps_den}
    return Made(files, len(frames), facts)


def face_of(mesh: NDArray[np.float32] | None, table: pa.Table | None, size: tuple[int, int]) -> Face | None:
    """The face3d artefact's two files as one."""
    if mesh is None or table is None:
        return None
    landmarks = column(table, "landmarks").reshape(-1, 68, 2)
    identity, exp, angles, trans, crop = (column(table, name) for name in ("id", "exp", "angles", "trans", "crop"))
    return Face(size, mesh, identity, exp, angles, trans, crop, landmarks)
