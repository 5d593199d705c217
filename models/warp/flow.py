"""Backward flow of the warp: for every pixel of the target, where in the source it comes from."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reenactory.models.face_mesh.topology import MOUTH_LOWER, POINT_COUNT
from reenactory.models.rasterizer.fragments import interpolate
from reenactory.models.rasterizer.rasterize import rasterize
from reenactory.models.warp.gaze import eyeball_sources
from reenactory.models.warp.mesh import EYE_FACES, EYEBALLS, SEAM, Mesh


class Flow(NamedTuple):
    """Flow of T frames.

    Attributes:
        backward: (T, H, W, 2) float32, pixels: source position minus own position.
        mouth: (T, H, W) float32 in [0, 1], 0 at the lips and outside, 1 half way between the lips.
        mouth_row: (T, H, W) float32 between the lips: 0 at the upper, 1 at the lower; of no meaning elsewhere.
        eye: (T, H, W) int64, 0 = elsewhere, 1 = inside the lids of the right eye, 2 = of the left eye.
        edge: (T, H, W) bool, one surface passes in front of another: the flow jumps.
    """

    backward: Tensor
    mouth: Tensor
    mouth_row: Tensor
    eye: Tensor
    edge: Tensor


_JUMP = 1.5  # pixels of flow from one pixel to the next; stretched skin stays below 1


def backward_flow(mesh: Mesh, target: Tensor, size: tuple[int, int]) -> Flow:
    """Rasterizes the moved mesh and reads the source positions off it (multi-guidance, eq. 3, on the whole picture).

    Args:
        mesh: of the source.
        target: (T, V, 3) the mesh in the target: column, row, depth.
        size: (H, W) of the picture.

    Returns:
        Flow of T frames.
    """
    frames = len(target)
    # Weak perspective has no camera, so depth has no zero: move all of it to where the rasterizer looks.
    depth = target[..., 2:] - target[..., 2:].amin(dim=(1, 2), keepdim=True) + 1
    fragments = rasterize(torch.cat((target[..., :2], depth), dim=-1), mesh.triangles, size, perspective_correct=False)
    mouth = torch.zeros(mesh.points.shape[0], 2, device=target.device)
    mouth[list(SEAM)] = mouth.new_tensor([1.0, 0.5])
    mouth[list(MOUTH_LOWER[1:-1]), 1] = 1
    # The attribute is the displacement, not the position: holes are then still, and rounding scales with movement.
    origin = mesh.points[:, :2].repeat(frames, 1, 1)  # (T, V, 2)
    origin[:, list(EYEBALLS)] = eyeball_sources(mesh.points[:POINT_COUNT], target[:, :POINT_COUNT])
    attributes = torch.cat((origin - target[..., :2], mouth.expand(frames, -1, 2)), dim=-1)
    image = interpolate(fragments, mesh.triangles, attributes)
    covered = fragments.triangle >= 0
    if not bool(covered.all()):
        image = _close_holes(image, covered)
    eye = (fragments.triangle - EYE_FACES.start).div(14, rounding_mode="floor") + 1
    eye = torch.where((eye == 1) | (eye == 2), eye, 0)
    return Flow(image[..., :2], image[..., 2], image[..., 3], eye, _jumps(image[..., :2]))


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


def _close_holes(image: Tensor, covered: Tensor) -> Tensor:
    """Pixels whose centre lies exactly on an edge belong to no triangle: the mean of their covered neighbours."""
    weight = F.avg_pool2d(covered[:, None].float(), 3, 1, 1)
    total = F.avg_pool2d((image * covered[..., None]).permute(0, 3, 1, 2), 3, 1, 1)
    mean = (total / weight.clamp(min=1e-6)).permute(0, 2, 3, 1)
    return torch.where(covered[..., None], image, mean)
