"""Head pose of a fitted mesh in Deep3DFaceRecon's conventions (face_model/conventions.py): angles and translation.

MediaPipe's 4x4 face transform uses the same axes, so its rotation part is M as it stands.
"""

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.alignment import (
    STANDARD_POINTS,
    Alignment,
    Floats,
    align,
    five_points,
    to_aligned,
)
from reenactory.models.face_model.conventions import CAMERA_DISTANCE, CENTRE, FOCAL

__all__ = [
    "STANDARD_POINTS",
    "Alignment",
    "align",
    "angles_from_rotation",
    "five_points",
    "rotation_from_angles",
    "to_aligned",
    "translation",
]


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
