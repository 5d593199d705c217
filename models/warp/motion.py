"""What drives the warp, and how a face mesh is freed from its head pose.

Space: pixels with X to the right, Y up and Z to the camera, so a mesh point (column, row, depth) is (c, -r, -d).
Weak perspective: point = s R C + t, C being the pose-free shape around the centre of the head.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Points that hardly move with expression: forehead, temples, nose bridge, inner and outer eye corners.
RIGID_POINTS = [10, 338, 297, 332, 284, 251, 389, 356, 454, 234, 127, 162, 21, 54, 103, 67, 109, 151, 168, 6, 197, 195]
RIGID_POINTS += [5, 4, 33, 133, 362, 263]

# From the mean of the rigid points to the centre of the head, in widths between the ears: heads turn around the top of
# the spine, not around the bridge of the nose.
_HEAD_CENTRE = (0.0, -0.15, -0.45)
_RIGHT_EAR, _LEFT_EAR = 234, 454


class Motion(NamedTuple):
    """What the face landmarker found in T frames; NaN in frames without a face.

    Attributes:
        points: (T, 478, 3) float32, pixels: column, row, depth (smaller is nearer).
        rotation: (T, 3, 3) float32, X right, Y up, Z to the camera.
        scores: (T, 52) float32, expression scores.
    """

    points: NDArray[np.float32]
    rotation: NDArray[np.float32]
    scores: NDArray[np.float32]


class Posed(NamedTuple):
    """Pose-free shapes and the weak-perspective poses they were freed from.

    Attributes:
        shape: (T, 478, 3) float32, in units of the anchor's pixels, origin at the centre of the head.
        rotation: (T, 3, 3) float32.
        scale: (T,) float32, relative to the anchor.
        shift: (T, 3) float32, where the centre of the head is: X right, Y up, Z to the camera.
    """

    shape: Tensor
    rotation: Tensor
    scale: Tensor
    shift: Tensor


def to_space(points: Tensor) -> Tensor:
    """Mesh points (..., 3) in pixels to X right, Y up, Z to the camera; its own inverse."""
    return points * points.new_tensor([1.0, -1.0, -1.0])


def project(shape: Tensor, rotation: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Mesh points in pixels of pose-free shapes.

    Args:
        shape: (T, N, 3).
        rotation: (T, 3, 3).
        scale: (T,).
        shift: (T, 3).

    Returns:
        (T, N, 3): column, row, depth.
    """
    return to_space(scale[:, None, None] * shape @ rotation.transpose(1, 2) + shift[:, None])


def ear_width(points: Tensor) -> Tensor:
    """Distance (...) between the ears in space, of mesh points (..., 478, 3)."""
    width: Tensor = torch.linalg.vector_norm(points[..., _RIGHT_EAR, :] - points[..., _LEFT_EAR, :], dim=-1)
    return width


def unpose_anchor(points: Tensor, rotation: Tensor) -> Posed:
    """The pose of one mesh, which sets the unit: scale 1.

    Args:
        points: (478, 3) in pixels.
        rotation: (3, 3).

    Returns:
        Posed with T = 1.
    """
    space = to_space(points)[None]
    middle = space[:, RIGID_POINTS].mean(dim=1)  # (1, 3)
    centre = points.new_tensor(_HEAD_CENTRE) * ear_width(points)
    shape = (space - middle[:, None]) @ rotation - centre
    return Posed(shape, rotation[None], points.new_ones(1), middle + centre @ rotation.T)


def unpose(points: Tensor, rotation: Tensor, anchor: Posed) -> Posed:
    """Poses of T meshes of the person whose shape the anchor is, so that their rigid points come to lie on its own.

    The landmarker's rotation is a start only: on turned heads its mesh is flatter than its rotation says (2 degrees
    between the two over a 36 degree turn), and the hair moves with the rotation, the face with the mesh.

    Args:
        points: (T, 478, 3) in pixels.
        rotation: (T, 3, 3).
        anchor: Posed with T = 1.

    Returns:
        Posed of T frames in units of the anchor.
    """
    space = to_space(points)
    middle = space[:, RIGID_POINTS].mean(dim=1)  # (T, 3)
    target = anchor.shape[:, RIGID_POINTS]  # (1, N, 3)
    target_middle = target.mean(dim=1, keepdim=True)
    seen = (space[:, RIGID_POINTS] - middle[:, None]) @ rotation  # (T, N, 3), almost free of pose
    covariance = seen.transpose(1, 2) @ (target - target_middle)
    left, values, right = torch.linalg.svd(covariance)
    mirror = torch.ones_like(values)
    mirror[:, 2] = torch.linalg.det(left @ right).sign()
    refine = left @ (mirror[:, :, None] * right)  # seen @ refine ~ target
    scale = (seen**2).sum(dim=(1, 2)) / (values * mirror).sum(dim=1)
    rotation = rotation @ refine
    shape = ((space - middle[:, None]) @ rotation) / scale[:, None, None] + target_middle
    shift = middle - scale[:, None] * (target_middle @ rotation.transpose(1, 2))[:, 0]
    return Posed(shape, rotation, scale, shift)
