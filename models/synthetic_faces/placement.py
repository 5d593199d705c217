"""The coefficients that belong to a rendered frame: what an extractor without error would find in it.

A frame is rendered by one camera that stands still; coefficients are those of Deep3DFaceRecon's camera, which follows
the face through the alignment of five landmarks and rounds to whole pixels (methods B.4). So a pose in the scene is
turned into a pose in the aligned frame that puts the landmarks at the same places of the picture.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reenactory.models.face_mesh.pose import angles_from_rotation
from reenactory.models.face_model.alignment import align
from reenactory.models.face_model.camera import Camera, picture_camera, project, rotation_from_angles
from reenactory.models.face_model.conventions import CAMERA_DISTANCE

_STEPS = 5  # of Gauss and Newton; after three nothing moves by 0.001 pixels any more


class Placement(NamedTuple):
    """angles (T, 3), trans (T, 3), crop (T, 3), float32; residual (T,): the worst landmark's error in pixels."""

    angles: Tensor
    trans: Tensor
    crop: Tensor
    residual: Tensor


def aligned_pose(points: Tensor, shape: Tensor, angles: Tensor, size: tuple[int, int]) -> Placement:
    """The pose behind landmarks in the aligned camera.

    Args:
        points: (T, 68, 2) landmarks in the picture, continuous pixels, float64.
        shape: (T, 68, 3) the same in the model's axes, before rotation, float64.
        angles: (T, 3) in the scene: where the search begins.
        size: (H, W) of the picture.
    """
    crop = align(points.numpy(), size[0]).crop
    camera = picture_camera(torch.from_numpy(crop).double(), size)
    rotation, trans = rotation_from_angles(angles), angles.new_zeros(len(angles), 3)
    for _ in range(_STEPS):
        turned = shape @ rotation.transpose(1, 2)
        error = points - _seen(turned + trans[:, None], camera)  # (T, 68, 2)
        step = torch.linalg.lstsq(_slopes(turned, trans, camera), error.flatten(1)[..., None]).solution[..., 0]
        rotation = torch.linalg.matrix_exp(_cross_matrix(step[:, :3])) @ rotation
        trans = trans + step[:, 3:]
    error = points - _seen(shape @ rotation.transpose(1, 2) + trans[:, None], camera)
    residual = torch.linalg.vector_norm(error, dim=2).amax(dim=1)
    found = torch.from_numpy(angles_from_rotation(rotation.numpy()))
    return Placement(found.float(), trans.float(), torch.from_numpy(crop), residual)


def _seen(moved: Tensor, camera: Camera) -> Tensor:
    """(T, N, 2) of points in the camera's axes (T, N, 3)."""
    return project(torch.cat([moved[..., :2], CAMERA_DISTANCE - moved[..., 2:]], dim=-1), camera)[..., :2]


def _slopes(turned: Tensor, trans: Tensor, camera: Camera) -> Tensor:
    """(T, 2 N, 6): of column and row by a small rotation after `turned` and by the translation."""
    moved = turned + trans[:, None]
    depth = CAMERA_DISTANCE - moved[..., 2]
    scale = camera.focal[:, None] * moved.new_tensor([1.0, -1.0]) / depth[..., None]  # (T, N, 2)
    zero = torch.zeros_like(depth)
    by_place = torch.stack(
        [
            torch.stack([scale[..., 0], zero, scale[..., 0] * moved[..., 0] / depth], dim=-1),
            torch.stack([zero, scale[..., 1], scale[..., 1] * moved[..., 1] / depth], dim=-1),
        ],
        dim=2,
    )  # (T, N, 2, 3)
    by_turn = -by_place @ _cross_matrix(turned)
    return torch.cat([by_turn, by_place], dim=-1).flatten(1, 2)


def _cross_matrix(vectors: Tensor) -> Tensor:
    """(..., 3, 3): M b = a x b for each vector a (..., 3)."""
    x, y, z = vectors.unbind(dim=-1)
    zero = torch.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def descriptors_of(expression: Tensor, placement: Placement) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(T, 73) float32 in the order of face_model.motion."""
    parts = [expression.float(), placement.angles, placement.trans, placement.crop]
    joined = torch.cat(parts, dim=1).numpy()
    return np.ascontiguousarray(joined, np.float32)
