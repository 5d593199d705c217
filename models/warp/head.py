"""Where a head is in a picture, seen by the camera of Deep3DFaceRecon.

Space is the face model's: X to the right, Y up, Z to the camera, in its units.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_model.camera import Camera, rotation_from_angles
from reenactory.models.face_model.conventions import CAMERA_DISTANCE

PIVOT = (0.0, 0.1, -0.5)
"""Heads turn around the top of the spine, not around the bridge of the nose."""


class Head(NamedTuple):
    """T frames.

    Attributes:
        rotation: (T, 3, 3), model to camera.
        place: (T, 2), pixels: column and row of the pivot.
        scale: (T,), pixels to a unit at the pivot's depth.
    """

    rotation: Tensor
    place: Tensor
    scale: Tensor


def find_head(angles: Tensor, translation: Tensor, camera: Camera) -> Head:
    """From coefficients.

    Args:
        angles: (T, 3) radians.
        translation: (T, 3).
        camera: of T frames.
    """
    rotation = rotation_from_angles(angles)
    pivot = rotation @ angles.new_tensor(PIVOT) + translation  # (T, 3)
    scale = camera.focal / (CAMERA_DISTANCE - pivot[:, 2:])  # (T, 2)
    place = camera.centre + scale * pivot[:, :2] * pivot.new_tensor([1, -1])
    return Head(rotation, place, scale.mean(dim=1))


def steadied(shape: Tensor, head: Head, camera: Camera, like: Tensor, rigid: list[int]) -> tuple[Tensor, Head]:
    """The same picture, with as much of the movement as possible in the head's pose, and as little in its shape.

    A fit gives some of a turn to the expression and back, differently in every frame. The face is where it is; but hair
    follows the pose.

    Args:
        shape: (T, N, 3) in model units.
        head: of T frames.
        camera: for all.
        like: (N, 3) what the shape is to be like in its rigid points.
        rigid: rows of these.

    Returns:
        A shape and a head that `project` puts where it puts the given ones.
    """
    own, wanted = shape[:, rigid], like[rigid]
    own_middle, middle = own.mean(dim=1, keepdim=True), wanted.mean(dim=0)
    own, wanted = own - own_middle, wanted - middle
    left, values, right = torch.linalg.svd(own.transpose(1, 2) @ wanted)
    mirror = torch.ones_like(values)
    mirror[:, 2] = torch.linalg.det(left @ right).sign()
    turn = left @ (mirror[:, :, None] * right)  # own @ turn ~ wanted
    scale = ((values * mirror).sum(dim=1) / own.square().sum(dim=(1, 2)))[:, None, None]
    back, rotation = shape.new_tensor(PIVOT), head.rotation @ turn
    # A world that is larger by as much as it is farther away looks the same.
    pivot = (back - middle).expand(1, 1, -1) @ rotation.transpose(1, 2) + scale * (
        (own_middle - back) @ head.rotation.transpose(1, 2) + _pivot(head, camera)[:, None]
    )
    seen = camera.focal / -pivot[:, 0, 2:]  # (T, 2)
    place = camera.centre + seen * pivot[:, 0, :2] * shape.new_tensor([1, -1])
    return scale * (shape - own_middle) @ turn + middle, Head(
        rotation, place, camera.focal.mean(dim=1) / -pivot[:, 0, 2]
    )


def project(shape: Tensor, head: Head, camera: Camera) -> Tensor:
    """What the camera sees.

    Args:
        shape: (T, N, 3) in model units.
        head: of T frames.
        camera: of T frames, or of one for all.

    Returns:
        (T, N, 3): column, row, distance from the camera.
    """
    moved = (shape - shape.new_tensor(PIVOT)) @ head.rotation.transpose(1, 2) + _pivot(head, camera)[:, None]
    depth = -moved[..., 2:]
    seen = camera.focal[:, None] * moved[..., :2] / depth * shape.new_tensor([1, -1])
    return torch.cat([camera.centre[:, None] + seen, depth], dim=-1)


def unproject(pixels: Tensor, depth: Tensor, head: Head, camera: Camera) -> Tensor:
    """The points of model space (T, N, 3) seen at `pixels` (T, N, 2) at `depth` (T, N) from the camera."""
    away = torch.cat([_ray(pixels, camera) * depth[..., None], -depth[..., None]], dim=-1)
    return (away - _pivot(head, camera)[:, None]) @ head.rotation + pixels.new_tensor(PIVOT)


def lift(pixels: Tensor, height: Tensor, head: Head, camera: Camera) -> Tensor:
    """The points of model space (T, N, 3) seen at `pixels` (T, N, 2) whose Z there is `height` (T, N)."""
    ray, pivot, towards = _ray(pixels, camera), _pivot(head, camera), head.rotation[:, :, 2]  # Z = towards . (away - p)
    slope = (ray * towards[:, None, :2]).sum(dim=-1) - towards[:, 2:]  # Z per unit of depth
    offset = (pivot * towards).sum(dim=-1, keepdim=True) - PIVOT[2]
    # A head in profile has no plane behind its face that the camera could see.
    return unproject(pixels, (height + offset) / slope.clamp(max=-0.4), head, camera)


def _pivot(head: Head, camera: Camera) -> Tensor:
    """(T, 3) in the camera's axes."""
    depth = camera.focal.mean(dim=1) / head.scale  # (T,)
    flat = _ray(head.place[:, None], camera)[:, 0] * depth[:, None]
    return torch.cat([flat, -depth[:, None]], dim=1)


def _ray(pixels: Tensor, camera: Camera) -> Tensor:
    """(T, N, 2): X and Y, up, at distance 1."""
    return (pixels - camera.centre[:, None]) / camera.focal[:, None] * pixels.new_tensor([1, -1])
