"""What a matte's numbers say about it, so that a torn one is found without looking at it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

FLAG_BELOW = 0.5  # mean alpha in the middle of the face; 1.0 on the good clips that were looked at
LOST_FACE = "LOST_FACE"
HALF_TRANSPARENT = (25, 230)  # alphas of 255 above and below which a pixel is neither person nor ground


@dataclass(frozen=True)
class MatteQuality:
    """Alphas in 0..1. `change`: mean absolute change from frame to frame. `soft_max`: the largest share of a frame that
    is half transparent. `face_min`: the lowest mean alpha of a frame in the middle of its face, and the frame; None
    where no frame has a face."""

    mean: float
    min: float
    change: float
    soft_max: float
    face_min: float | None
    face_min_frame: int | None

    @classmethod
    def of(cls, alphas: NDArray[np.uint8], faces: NDArray[np.float32]) -> "MatteQuality":
        """Args: alphas: (T, H, W) uint8; faces: (T, 4) left, top, right, bottom in pixels, NaN where there is none."""
        means = [float(alpha.mean()) / 255 for alpha in alphas]
        # Frame by frame: a whole clip in int16 would be twice the clip's own memory.
        changes = [float(np.abs(after.astype(np.int16) - before).mean()) / 255 for before, after in pairwise(alphas)]
        soft = [float(np.mean((alpha > HALF_TRANSPARENT[0]) & (alpha < HALF_TRANSPARENT[1]))) for alpha in alphas]
        in_face = [_face_alpha(alpha, face) for alpha, face in zip(alphas, faces, strict=True)]
        seen = [(round(value, 4), frame) for frame, value in enumerate(in_face) if value is not None]
        lowest, frame = min(seen, default=(None, None))
        return cls(
            round(float(np.mean(means)), 4),
            round(min(means), 4),
            round(float(np.mean(changes)) if changes else 0.0, 5),
            round(max(soft), 4),
            lowest,
            frame,
        )

    @property
    def flag(self) -> str | None:
        return LOST_FACE if self.face_min is not None and self.face_min < FLAG_BELOW else None

    def facts(self) -> dict[str, JsonValue]:
        """The columns of the clips table, by name."""
        return {
            "alpha_mean": self.mean,
            "alpha_min": self.min,
            "alpha_change": self.change,
            "alpha_soft_max": self.soft_max,
            "alpha_face_min": self.face_min,
            "matte_flag": self.flag,
        }


def _face_alpha(alpha: NDArray[np.uint8], face: NDArray[np.float32]) -> float | None:
    """Mean over the middle half of the face's box on each axis: its corners are background, its middle never is."""
    if np.isnan(face).any():
        return None
    height, width = alpha.shape
    left, top, right, bottom = face
    margin_x, margin_y = (right - left) / 4, (bottom - top) / 4
    columns = slice(max(0, int(left + margin_x)), min(width, int(right - margin_x) + 1))
    rows = slice(max(0, int(top + margin_y)), min(height, int(bottom - margin_y) + 1))
    middle = alpha[rows, columns]
    return float(middle.mean()) / 255 if middle.size else None
