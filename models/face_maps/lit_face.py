"""The face that coefficients mean: the front of the model's mesh, in its own colours and light, where it stands."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_maps.colours import draw_colours
from reenactory.models.face_model.camera import picture_camera, project, rotate, to_camera
from reenactory.models.face_model.model import FaceModel
from reenactory.models.face_model.shading import shade
from reenactory.models.rasterizer.rasterize import rasterize


class Coefficients(NamedTuple):
    """B frames, in face3d's columns."""

    id: Tensor  # (B, 80)
    exp: Tensor  # (B, 64)
    tex: Tensor  # (B, 80)
    angles: Tensor  # (B, 3) pitch, yaw, roll in radians
    gamma: Tensor  # (B, 27)
    trans: Tensor  # (B, 3)
    crop: Tensor  # (B, 3) s, tx, ty


class LitFace(NamedTuple):
    """What `lit_face` returns.

    Attributes:
        image: (B, 3, H, W) float32 RGB in [0, 1], 0 beside the face.
        covered: (B, 1, H, W) bool.
    """

    image: Tensor
    covered: Tensor


def lit_face(model: FaceModel, found: Coefficients, size: tuple[int, int]) -> LitFace:
    """The `face` mask of the model before the camera of the whole picture; eyes and the open mouth stay free.

    Args:
        model: with colours.
        found: float32; a row with NaN covers nothing.
        size: (H, W) of the picture that the crop parameters belong to.
    """
    vertices = model.shape(found.id, found.exp)
    uvz = project(to_camera(vertices, found.angles, found.trans), picture_camera(found.crop, size))
    front = model.triangles[model.masks["face"][model.triangles].all(dim=1)]
    fragments = rasterize(uvz, front, size, cull_backfaces=True)
    normals = rotate(model.normals(vertices), found.angles)
    colours = shade(model.albedo(found.tex), normals, found.gamma)
    image = draw_colours(fragments, front, torch.nan_to_num(colours)).clamp(0, 1)
    return LitFace(image, (fragments.triangle >= 0)[:, None])
