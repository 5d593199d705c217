"""The camera of Deep3DFaceRecon in torch: pose, perspective, and the same camera seen in the whole picture.

Batched, differentiable, float32 or float64, any device; the conventions are in conventions.py.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_model.alignment import Alignment, place
from reenactory.models.face_model.conventions import CAMERA_DISTANCE, CENTRE, FOCAL


class Camera(NamedTuple):
    """Intrinsics in pixels of one picture, one row per item of the batch, or one for all (B = 1).

    Attributes:
        focal: (B, 2), along columns and rows.
        centre: (B, 2), continuous column and row of the optical axis, rows counted downwards.
    """

    focal: Tensor
    centre: Tensor


def rotation_from_angles(angles: Tensor) -> Tensor:
    """M = Rz Ry Rx; `face_mesh.pose` has the same in numpy.

    Args:
        angles: (..., 3) pitch, yaw, roll in radians.

    Returns:
        (..., 3, 3), of the same dtype.
    """
    pitch, yaw, roll = angles.unbind(dim=-1)
    cx, sx, cy, sy, cz, sz = pitch.cos(), pitch.sin(), yaw.cos(), yaw.sin(), roll.cos(), roll.sin()
    entries = (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in entries], dim=-2)


def rotate(vectors: Tensor, angles: Tensor) -> Tensor:
    """Model axes to the camera's: vertices about the origin, or normals.

    Args:
        vectors: (B, V, 3).
        angles: (B, 3).

    Returns:
        (B, V, 3).
    """
    _check("vectors", vectors, 3)
    return vectors @ rotation_from_angles(angles).transpose(-1, -2)


def to_camera(vertices: Tensor, angles: Tensor, translation: Tensor) -> Tensor:
    """V' = V M^T + t, seen from the camera.

    Args:
        vertices: (B, V, 3) in model units.
        angles: (B, 3) pitch, yaw, roll in radians.
        translation: (B, 3) in model units.

    Returns:
        (B, V, 3): X to the right, Y **up**, and Z = 10 - z' the distance from the camera's plane.
    """
    moved = rotate(vertices, angles) + translation[:, None]
    return torch.cat([moved[..., :2], CAMERA_DISTANCE - moved[..., 2:]], dim=-1)


def aligned_camera(like: Tensor) -> Camera:
    """The camera of the 224 frame, for all items alike (B = 1), of the dtype and device of `like`."""
    return Camera(like.new_full((1, 2), FOCAL), like.new_full((1, 2), CENTRE))


def picture_camera(crop: Tensor, size: tuple[int, int]) -> Camera:
    """The same camera in the whole picture from which the 224 frame was cut.

    The official code resizes the picture to whole pixels and cuts at whole pixels, so the picture's own grid is the
    224 frame's stretched by slightly different factors along columns and rows (methods B.4, last paragraph).

    Args:
        crop: (B, 3) s, tx, ty of the alignment; not differentiated.
        size: (H, W) of the picture.

    Returns:
        Camera of B rows, dtype and device of `crop`; NaN where the crop is.
    """
    _check("crop", crop, 2)
    placement = place(Alignment.of_crop(crop.detach().cpu().numpy()), size)
    picture = torch.tensor([size[1], size[0]], dtype=torch.float64)  # (W, H)
    ratio = torch.from_numpy(placement.size) / picture  # (B, 2): a = w / W, b = h / H
    centre = (CENTRE + torch.from_numpy(placement.corner)) / ratio
    return Camera((FOCAL / ratio).to(crop), centre.to(crop))


def project(points: Tensor, camera: Camera) -> Tensor:
    """Perspective projection, in the form that the rasterizer takes.

    Args:
        points: (B, V, 3) of `to_camera`.
        camera: of B items, or of one for all.

    Returns:
        (B, V, 3): u to the right and v **down** in continuous pixels (v = 224 - v_up in the 224 frame), and the view
        depth Z.
    """
    _check("points", points, 3)
    downwards = points.new_tensor([1.0, -1.0])
    depth = points[..., 2:]
    uv = camera.centre[:, None] + camera.focal[:, None] * downwards * points[..., :2] / depth
    return torch.cat([uv, depth], dim=-1)


def _check(name: str, values: Tensor, dimensions: int) -> None:
    if values.ndim != dimensions or values.shape[-1] != 3:
        shape = ", ".join("BVN"[: dimensions - 1])
        raise ValueError(f"{name}: expected ({shape}, 3), got {tuple(values.shape)}")
