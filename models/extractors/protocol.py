"""What an extractor is: one file, one class, and an entry in tasks/extractors.py.

Every extractor is handed what the face landmarker found, so that landmarks (for AKD) and the mesh (for `warp`) are the
same whichever one is chosen.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from reenactory.models.face_mesh.landmarker import Landmarks

Rows = NDArray[np.float32]


class Fit(NamedTuple):
    """T frames; NaN in frames without a face. None: the extractor has no model of it. Columns of face3d."""

    exp: Rows  # (T, 64)
    angles: Rows  # (T, 3) pitch, yaw, roll in radians
    trans: Rows  # (T, 3)
    crop: Rows  # (T, 3) s, tx, ty
    landmarks: Rows  # (T, 136) x, y of 68 points, pixels of the frame
    id: Rows | None = None  # (T, 80)
    tex: Rows | None = None  # (T, 80)
    gamma: Rows | None = None  # (T, 27)


class Extractor(Protocol):
    """Made once per worker. torch and the like are imported where they compute: a plan reads only name and weights."""

    name: ClassVar[str]  # in every definition string: lower-case letters, digits and . _ -
    weights: ClassVar[tuple[str, ...]]  # of the catalogue, besides the landmarker's

    def __init__(self, device: str, threads: int, weights: Mapping[str, Path]) -> None:
        """Args: device: 'cpu' or 'cuda'; threads: per library; weights: paths by name."""

    def fit(self, frames: NDArray[np.uint8], found: "Landmarks") -> Fit:
        """Coefficients of one clip (T, H, W, 3) uint8 RGB. Nothing is invented for a frame without a face."""
