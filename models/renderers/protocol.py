"""What a renderer is. Others register theirs under the entry-point group `reenactory.renderers`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Need = Literal["matte", "face3d", "driving_frames"]
State = TypeVar("State")


class Face(NamedTuple):
    """Coefficients of T frames as face3d stores them, all of one extractor; NaN in frames without a face."""

    size: tuple[int, int]  # (H, W) of the crop
    mesh: NDArray[np.float32]  # (T, 478, 3) pixels of the crop: column, row, depth
    id: NDArray[np.float32]  # (T, 80); all NaN where the extractor has no model of it
    exp: NDArray[np.float32]  # (T, 64)
    angles: NDArray[np.float32]  # (T, 3) pitch, yaw, roll in radians
    trans: NDArray[np.float32]  # (T, 3)
    crop: NDArray[np.float32]  # (T, 3) s, tx, ty
    landmarks: NDArray[np.float32]  # (T, 68, 2) pixels of the crop


class Source(NamedTuple):
    """The one picture that is animated; `alpha` and `face` (T = 1) only where the renderer needs them."""

    frame: NDArray[np.uint8]  # (H, W, 3) RGB
    alpha: NDArray[np.uint8] | None  # (H, W)
    face: Face | None


@dataclass(frozen=True)
class Driving:
    """The motion of T frames; `frames` (T, H, W, 3) RGB only for renderers that need the pictures themselves."""

    count: int
    face: Face | None
    frames: NDArray[np.uint8] | None


class RendererCard(BaseModel):
    """What a reader of a table must know of a method."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    version: int  # raised when its output changes
    paper: str
    licence: str
    motion: str  # absolute or relative, and which part of it
    resolution: int | None  # None: that of the crop
    weights: tuple[str, ...] = ()  # names in the catalogue
    extractors: tuple[str, ...] = ()  # values of face3d.extractor whose coefficients it understands; (): any


class Renderer(Protocol[State]):
    """A re-enactment method. Made as `Renderer(device, weights)`: a torch device name and paths by catalogue name."""

    needs: frozenset[Need]
    card: RendererCard

    def __init__(self, device: str, weights: Mapping[str, str]) -> None: ...

    def prepare(self, source: Source) -> State:
        """Everything that depends on the source alone: once per source."""

    def animate(self, state: State, driving: Driving) -> NDArray[np.float32]:
        """(T, 3, H, W) float32 in [0, 1], RGB. A frame that cannot be rendered (no driving face) is all NaN."""
