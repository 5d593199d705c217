"""What is seen at every pixel of the target, and where in the source it comes from."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.rasterizer.fragments import interpolate
from reenactory.models.rasterizer.rasterize import rasterize

_JUMP = 1.5  # pixels of flow from one pixel to the next; stretched skin stays below 1


class View(NamedTuple):
    """T frames of a mesh.

    Attributes:
        backward: (T, H, W, 2) float32, pixels: source position minus own position.
        values: (T, H, W, C), the other attributes.
        triangle: (T, H, W) int64, -1 = nothing.
        edge: (T, H, W) bool, one surface passes in front of another: the flow jumps.
    """

    backward: Tensor
    values: Tensor
    triangle: Tensor
    edge: Tensor


def view(uvz: Tensor, source: Tensor, attributes: Tensor, triangles: Tensor, size: tuple[int, int]) -> View:
    """Rasterizes the moved mesh and reads the source positions off it (multi-guidance, eq. 3, on the whole picture).

    Args:
        uvz: (T, V, 3) the mesh in the target: column, row, distance.
        source: (V, 2) its vertices in the source.
        attributes: (T, V, C).
        triangles: (F, 3).
        size: (H, W) of the picture.
    """
    fragments = rasterize(uvz, triangles, size, perspective_correct=False)
    # The attribute is the displacement, not the position: holes are then still, and rounding scales with movement.
    image = interpolate(fragments, triangles, torch.cat([source - uvz[..., :2], attributes], dim=-1))
    triangle = fragments.triangle
    for row in (1, -1):  # a pixel whose centre lies exactly on an edge belongs to no triangle: its neighbour serves
        hole = triangle < 0
        if not bool(hole.any()):
            break
        image = torch.where(hole[..., None], image.roll(row, dims=2), image)
        triangle = torch.where(hole, triangle.roll(row, dims=2), triangle)
    return View(image[..., :2], image[..., 2:], triangle, _jumps(image[..., :2]))


def _jumps(flow: Tensor) -> Tensor:
    """(T, H, W) bool, on both sides of every jump of the flow (T, H, W, 2)."""
    edge = torch.zeros(flow.shape[:3], dtype=torch.bool, device=flow.device)
    down = (flow[:, 1:] - flow[:, :-1]).abs().amax(dim=-1) > _JUMP
    right = (flow[:, :, 1:] - flow[:, :, :-1]).abs().amax(dim=-1) > _JUMP
    edge[:, 1:] |= down
    edge[:, :-1] |= down
    edge[:, :, 1:] |= right
    edge[:, :, :-1] |= right
    return edge
