"""Deep3DFaceRecon's alignment: from 68 landmarks to the place of the 224 frame in the picture.

numpy and float64 inside. What is kept of it, the crop (s, tx, ty), is float32, and everything that follows is computed
from those float32 numbers: so a row of a face3d table gives back the very frame that the network saw.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.conventions import CENTRE, FRAME_PX

Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

STANDARD_POINTS = np.array(
    [
        (-0.31149, 0.29036, 0.13378),
        (0.30980, 0.28972, 0.13180),
        (0.00325, -0.04618, 0.55244),
        (-0.25217, -0.38134, 0.22406),
        (0.24847, -0.38128, 0.22236),
    ]
)
"""(5, 3) in model units: left eye, right eye ("left" = smaller x), nose tip, left and right mouth corner."""

_FACE_PX = 102.0  # pixels of the 224 frame to one model unit of the alignment


class Alignment(NamedTuple):
    """Where the 224 frame lies in the picture: the crop columns (s, tx, ty) of face3d.

    Attributes:
        scale: (T,) float32, the picture is resized by this.
        centre: (T, 2) float32, (tx, ty) in pixels of the picture, ty counted upwards from its lower edge.
    """

    scale: NDArray[np.float32]
    centre: NDArray[np.float32]

    @classmethod
    def of_crop(cls, crop: Floats) -> "Alignment":
        """From face3d's crop (T, 3)."""
        values = np.asarray(crop, dtype=np.float32)
        return cls(values[:, 0], values[:, 1:])

    @property
    def crop(self) -> NDArray[np.float32]:
        """(T, 3) float32: s, tx, ty."""
        return np.concatenate([self.scale[:, None], self.centre], axis=1)

    def only(self, frames: NDArray[np.int64]) -> "Alignment":
        """The rows of some frames."""
        return Alignment(self.scale[frames], self.centre[frames])


class Placement(NamedTuple):
    """The resized picture and the corner of the 224 frame in it: whole numbers, held as float64 for NaN.

    Attributes:
        size: (T, 2), width and height of the resized picture.
        corner: (T, 2), left column and upper row of the 224 frame in it; negative where the frame leaves the picture.
    """

    size: NDArray[np.float64]
    corner: NDArray[np.float64]


def five_points(landmarks: Floats) -> NDArray[np.float64]:
    """Eye centres, nose tip and mouth corners of the 68-landmark scheme.

    Args:
        landmarks: (..., 68, C).

    Returns:
        (..., 5, C) float64 in the order of `STANDARD_POINTS`.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    eyes = [points[..., [a, b], :].mean(axis=-2) for a, b in ((36, 39), (42, 45))]
    return np.stack([*eyes, points[..., 30, :], points[..., 48, :], points[..., 54, :]], axis=-2)


def align(landmarks: Floats, height: int) -> Alignment:
    """Weak-perspective least squares of five landmarks to the standard ones.

    Args:
        landmarks: (T, 68, 2) in pixels, rows counted downwards. NaN frames give NaN.
        height: H of the picture.

    Returns:
        Alignment of T frames.
    """
    if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 2):
        raise ValueError(f"landmarks: expected (T, 68, 2), got {landmarks.shape}")
    points = five_points(landmarks)
    points[..., 1] = height - 1 - points[..., 1]  # the official flip is of pixel indices, not of continuous rows
    return _align_five(points)


def _align_five(points: NDArray[np.float64]) -> Alignment:
    """`points` (T, 5, 2) with rows counted upwards."""
    design = np.concatenate([STANDARD_POINTS, np.ones((5, 1))], axis=1)  # (5, 4): R1.P + tx, R2.P + ty
    solution = np.linalg.pinv(design) @ points  # (T, 4, 2)
    norms = np.linalg.norm(solution[:, :3], axis=1)  # (T, 2): |R1|, |R2|
    with np.errstate(divide="ignore"):  # landmarks in one point: an infinite scale, and nothing that can be cut
        scale = _FACE_PX / norms.mean(axis=1)
    return Alignment(scale.astype(np.float32), solution[:, 3].astype(np.float32))


def place(alignment: Alignment, size: tuple[int, int]) -> Placement:
    """The whole numbers of the official code, which truncates towards zero.

    Args:
        alignment: of T frames.
        size: (H, W) of the picture.

    Returns:
        Placement of T frames; NaN where the alignment is.
    """
    picture = np.array(size[::-1], dtype=np.float64)  # (W, H)
    scale = alignment.scale.astype(np.float64)[:, None]  # (T, 1)
    resized = np.trunc(picture * scale)  # (T, 2)
    with np.errstate(invalid="ignore"):  # of an infinite scale
        offset = (alignment.centre - picture / 2) * scale * np.array([1.0, -1.0])  # ty counts upwards
        return Placement(resized, np.trunc(resized / 2 - CENTRE + offset))


def to_aligned(points: NDArray[np.float64], alignment: Alignment, size: tuple[int, int]) -> NDArray[np.float64]:
    """Pixels of the picture (T, N, 2), rows downwards, to the 224 frame with rows counted **upwards**."""
    placement = place(alignment, size)
    ratio = placement.size / np.array(size[::-1])  # the resized picture's sides are whole: not quite the scale
    columns_rows = points * ratio[:, None] - placement.corner[:, None]
    return np.stack([columns_rows[..., 0], FRAME_PX - columns_rows[..., 1]], axis=-1)
