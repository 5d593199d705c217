"""Head pose in Deep3DFaceRecon's conventions: angles, alignment to the 224 frame, translation.

Axes: X to the right of the picture, Y up, Z towards the camera, right-handed. M = Rz(roll) Ry(yaw) Rx(pitch) takes the
canonical face to the camera's axes (column vectors). So, for the person in the picture,

* yaw > 0: the nose points to the right of the picture,
* pitch > 0: the nose points down,
* roll > 0: the head is tilted counter-clockwise as seen in the picture.

MediaPipe's 4x4 face transform uses the same axes, so its rotation part is M as it stands.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

FOCAL = 1015.0
CENTRE = 112.0
CAMERA_DISTANCE = 10.0
"""The camera of Deep3DFaceRecon: focal length and centre in pixels of the 224 frame, distance in model units."""

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

_EYE_DISTANCE_PX = 102.0  # pixels of the 224 frame to one model unit of the alignment


class Alignment(NamedTuple):
    """Where the 224 frame lies in the picture.

    Attributes:
        scale: (T,) float32, the picture is resized by this.
        centre: (T, 2) float32, (tx, ty) in pixels of the picture, ty counted upwards from its lower edge.
    """

    scale: NDArray[np.float32]
    centre: NDArray[np.float32]


def rotation_from_angles(angles: Floats) -> NDArray[np.float64]:
    """M = Rz Ry Rx.

    Args:
        angles: (..., 3) pitch, yaw, roll in radians.

    Returns:
        (..., 3, 3) float64.
    """
    pitch, yaw, roll = np.moveaxis(np.asarray(angles, dtype=np.float64), -1, 0)
    cx, sx, cy, sy, cz, sz = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def angles_from_rotation(rotation: Floats) -> NDArray[np.float64]:
    """Inverse of `rotation_from_angles`, yaw within [-pi/2, pi/2].

    Args:
        rotation: (..., 3, 3). NaN stays NaN.

    Returns:
        (..., 3) float64: pitch, yaw, roll in radians.
    """
    matrix = np.asarray(rotation, dtype=np.float64)
    pitch = np.arctan2(matrix[..., 2, 1], matrix[..., 2, 2])
    yaw = np.arcsin(np.clip(-matrix[..., 2, 0], -1.0, 1.0))
    roll = np.arctan2(matrix[..., 1, 0], matrix[..., 0, 0])
    return np.stack([pitch, yaw, roll], axis=-1)


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
    """Weak-perspective least squares of five landmarks to the standard ones (Deep3DFaceRecon's alignment).

    Args:
        landmarks: (T, 68, 2) in pixels, rows counted downwards. NaN frames give NaN.
        height: H of the picture.

    Returns:
        Alignment of T frames.
    """
    if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 2):
        raise ValueError(f"landmarks: expected (T, 68, 2), got {landmarks.shape}")
    points = five_points(landmarks)
    points[..., 1] = height - 1 - points[..., 1]
    return _align_five(points)


def _align_five(points: NDArray[np.float64]) -> Alignment:
    """`points` (T, 5, 2) with rows counted upwards."""
    design = np.concatenate([STANDARD_POINTS, np.ones((5, 1))], axis=1)  # (5, 4): R1.P + tx, R2.P + ty
    solution = np.linalg.pinv(design) @ points  # (T, 4, 2)
    norms = np.linalg.norm(solution[:, :3], axis=1)  # (T, 2): |R1|, |R2|
    scale = _EYE_DISTANCE_PX / norms.mean(axis=1)
    return Alignment(scale.astype(np.float32), solution[:, 3].astype(np.float32))


def translation(
    landmarks: Floats, rotation: Floats, alignment: Alignment, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Translation of the head in model units, from the rotated standard points in the aligned 224 frame.

    By weak perspective: with k pixels of the 224 frame to a model unit the head is at distance 1015 / k, and its
    origin projects to (u, v).

    Args:
        landmarks: (T, 68, 2) in pixels of the picture, rows counted downwards.
        rotation: (T, 3, 3).
        alignment: of the same landmarks.
        size: (H, W) of the picture.

    Returns:
        (T, 3) float32: x, y, z; NaN where the landmarks are.
    """
    aligned = to_aligned(five_points(landmarks), alignment, size)  # (T, 5, 2), v upwards
    model = (STANDARD_POINTS @ np.swapaxes(np.asarray(rotation, dtype=np.float64), -1, -2))[..., :2]
    model_mean, aligned_mean = model.mean(axis=1, keepdims=True), aligned.mean(axis=1, keepdims=True)
    centred = model - model_mean
    scale = (centred * (aligned - aligned_mean)).sum(axis=(1, 2)) / (centred**2).sum(axis=(1, 2))  # (T,)
    origin = (aligned_mean - scale[:, None, None] * model_mean)[:, 0]  # (T, 2)
    depth = FOCAL / scale
    x, y = ((origin - CENTRE) / scale[:, None]).T
    return np.stack([x, y, CAMERA_DISTANCE - depth], axis=-1).astype(np.float32)


def to_aligned(points: NDArray[np.float64], alignment: Alignment, size: tuple[int, int]) -> NDArray[np.float64]:
    """Pixels of the picture (T, N, 2), rows downwards, to the 224 frame with rows counted **upwards**."""
    height, width = size
    scale, centre = alignment.scale.astype(np.float64), alignment.centre.astype(np.float64)
    resized = np.trunc(np.stack([width * scale, height * scale], axis=-1))  # the official code resizes to int sizes
    ratio = resized / np.array([width, height])
    left = np.trunc(resized[:, 0] / 2 - CENTRE + (centre[:, 0] - width / 2) * scale)
    up = np.trunc(resized[:, 1] / 2 - CENTRE + (height / 2 - centre[:, 1]) * scale)
    u = points[..., 0] * ratio[:, None, 0] - left[:, None]
    v = 2 * CENTRE - (points[..., 1] * ratio[:, None, 1] - up[:, None])
    return np.stack([u, v], axis=-1)
