"""A plainly lit picture of a face: one distant light, no shadows, grey background. For looking and for landmarkers.

Light as Deep3DFaceRecon models it (spherical harmonics) is in shading.py.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_model import camera
from reenactory.models.face_model.conventions import CAMERA_DISTANCE, FOCAL, FRAME_PX
from reenactory.models.face_model.normals import vertex_normals
from reenactory.models.rasterizer.fragments import Fragments, interpolate
from reenactory.models.rasterizer.rasterize import rasterize

_AMBIENT, _BACKGROUND = 0.45, 0.3


class Picture(NamedTuple):
    """What `draw` returns.

    Attributes:
        image: (B, H, W, 3) uint8 RGB.
        fragments: of the same pixels.
        uvz: (B, V, 3) float32, the vertices in the picture.
    """

    image: Tensor
    fragments: Fragments
    uvz: Tensor


def project(vertices: Tensor, rotation: Tensor, size: int) -> Tensor:
    """Column, row and depth (B, V, 3) of vertices (B, V, 3) turned by (B, 3, 3), in the frame of size x size."""
    turned = vertices @ rotation.transpose(1, 2)
    points = torch.cat([turned[..., :2], CAMERA_DISTANCE - turned[..., 2:]], dim=-1)
    enlarged = camera.Camera(points.new_full((1, 2), FOCAL * size / FRAME_PX), points.new_full((1, 2), size / 2))
    return camera.project(points, enlarged)


def draw(
    vertices: Tensor,
    triangles: Tensor,
    albedo: Tensor,
    rotation: Tensor,
    size: int,
    light: tuple[float, float, float] = (0.2, 0.3, 0.93),
) -> Picture:
    """Pictures of faces before the camera of Deep3DFaceRecon, without translation.

    Args:
        vertices: (B, V, 3).
        triangles: (F, 3) int64.
        albedo: (B, V, 3) or (V, 3) RGB in [0, 1].
        rotation: (B, 3, 3).
        size: pixels of a side.
        light: direction from the face to the light, in the camera's axes.
    """
    uvz = project(vertices, rotation, size)
    fragments = rasterize(uvz, triangles, (size, size))
    towards = torch.nn.functional.normalize(vertices.new_tensor(light), dim=0)
    facing = (vertex_normals(vertices, triangles) @ rotation.transpose(1, 2) @ towards).clamp(min=0)
    colours = albedo * (_AMBIENT + (1 - _AMBIENT) * facing[..., None])
    image = interpolate(fragments, triangles, colours)
    image = torch.where(fragments.triangle[..., None] >= 0, image, _BACKGROUND)
    return Picture((image.clamp(0, 1) * 255).round().to(torch.uint8), fragments, uvz)
