"""Which points of the target's face the source picture shows (multi-guidance, eq. 4, and two other rules).

The paper calls a target pixel visible if its triangle wins a pixel of the source picture. Taken literally that fails:
triangles are smaller than pixels, so many visible ones win none. The remedy is a finer picture of the source
(`source_raster_scale`). Though its symbol is called occlusion, 1 means visible.

How often each errs is printed by `benchmarks/rasterizer.py --occlusion`. What counts is how many pixels of the finer
picture a triangle has: at 60 degrees between the pictures, 17 or 18 of them call 1.6 to 1.8 % of the face's pixels
hidden that are seen, 9 of them 3.0 to 3.3 %, all seen edge-on by the source. So the default is 5 where a face of 35,000
triangles fills a picture of 256x256, 7 for 71,000 triangles, and more for a smaller face. The paper's own rule errs by
32 and 54 %, `one_ring` at 5 by 0.2 % with either mesh.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reenactory.models.face_maps.settings import OcclusionRule, OcclusionSettings
from reenactory.models.rasterizer.fragments import Fragments, interpolate
from reenactory.models.rasterizer.rasterize import rasterize

_LEAST_SCALE = 5  # scales are odd, so that the finer picture contains the pixel centres of the plain one
_MOST_SCALE = 15  # a picture of 256x256 then takes 350 MB; a face that needs more is less than 80 pixels wide
_TRIANGLE_PX = 16

# A point may lie this much behind what the source shows there, in parts of the mesh's depth, and still be seen: the
# depth picture has steps, and on a cheek seen from the side each is steep. At 60 degrees of yaw between the pictures,
# 0.5 % of it calls 2.2 % of the face's pixels hidden that are not and 0.9 % visible that are not; 1 %: 0.9 and 0.9;
# 2 %: 0.2 and 1.0.
_DEPTH_TOLERANCE = 0.02


class SourceView(NamedTuple):
    """What S source pictures show of a mesh: computed once, used for every target frame.

    Attributes:
        rule: see OcclusionSettings.
        seen: (S, F) bool, triangles that count as seen; of rule "depth" those that win a pixel.
        uvz: (S, V, 3) float32.
        depth: (S, scale H, scale W) float32 z-buffer of rule "depth", -1 beside the mesh; else None.
        size: (H, W) of the source picture.
    """

    rule: OcclusionRule
    seen: Tensor
    uvz: Tensor
    depth: Tensor | None
    size: tuple[int, int]


def view_source(
    uvz: Tensor,
    triangles: Tensor,
    size: tuple[int, int],
    settings: OcclusionSettings | None = None,
    *,
    perspective_correct: bool = True,
) -> SourceView:
    """Looks at the source.

    Args:
        uvz: (S, V, 3) float32, pixels and depth.
        triangles: (F, 3) int64.
        size: (H, W) of the source picture: what lies beyond it is not seen.
        settings: None = the defaults.
        perspective_correct: see `rasterize`.
    """
    settings = settings or OcclusionSettings()
    rule = settings.occlusion_rule
    seen = torch.zeros((len(uvz), len(triangles) + 1), dtype=torch.bool, device=uvz.device)
    depths = []
    # One by one: a picture 5 times as fine takes 40 MB.
    for index, single in enumerate(uvz):
        scale = settings.source_raster_scale or (_LEAST_SCALE if rule == "depth" else fine_enough(single, triangles))
        finer = single * single.new_tensor([scale, scale, 1])
        fine_size = (size[0] * scale, size[1] * scale)
        picture = rasterize(finer[None], triangles, fine_size, perspective_correct=perspective_correct)
        seen[index, picture.triangle.flatten()] = True  # -1, beside the mesh, is the last column
        if rule == "depth":
            depths.append(picture.depth)
    seen = seen[:, :-1]
    if rule == "one_ring":
        seen = _with_neighbours(seen, triangles, uvz.shape[1])
    return SourceView(rule, seen, uvz, torch.cat(depths) if depths else None, size)


def fine_enough(uvz: Tensor, triangles: Tensor) -> int:
    """The smallest odd scale, 5 to 15, at which the triangles of a picture (V, 3) have 16 pixels on average."""
    first, second, third = (uvz[corner, :2].double() for corner in triangles.T)
    along, away = second - first, third - first
    area = (along[:, 0] * away[:, 1] - along[:, 1] * away[:, 0]).abs().mean() / 2
    scale = _LEAST_SCALE
    while scale < _MOST_SCALE and float(area) * scale**2 < _TRIANGLE_PX:
        scale += 2
    return scale


def visible_from_source(source: SourceView, target: Fragments, triangles: Tensor) -> Tensor:
    """O_c: whether the source picture shows the surface point at a target pixel.

    Args:
        source: what `view_source` returned for S = B sources, or for one that serves all frames.
        target: `rasterize(uvz_target, ...)` of B frames.
        triangles: (F, 3) int64.

    Returns:
        (B, H, W) bool, False beside the mesh.
    """
    covered = target.triangle >= 0
    if source.depth is not None:
        return covered & _is_nearest(source.uvz, source.depth, source.size, target, triangles)
    batch = target.triangle.shape[0]
    found = source.seen.expand(batch, -1).gather(1, target.triangle.clamp(min=0).flatten(1))
    return covered & found.view(covered.shape)


def _with_neighbours(seen: Tensor, triangles: Tensor, vertices: int) -> Tensor:
    """(S, F) bool: the triangles that share a corner with one that is seen."""
    corner = torch.zeros((len(seen), vertices), dtype=torch.bool, device=seen.device)
    for index, row in enumerate(seen):
        corner[index, triangles[row].flatten()] = True
    return corner[:, triangles].any(dim=-1)


def _is_nearest(uvz: Tensor, depth: Tensor, size: tuple[int, int], target: Fragments, triangles: Tensor) -> Tensor:
    """(B, H, W) bool: the point is inside the source picture, and nothing there is nearer."""
    batch = target.triangle.shape[0]
    place = interpolate(target, triangles, uvz.expand(batch, -1, -1))  # (B, H, W, 3)
    height, width = size
    grid = place[..., :2] * (2 / place.new_tensor([width, height])) - 1
    inside = (grid.abs() <= 1).all(dim=-1)
    shown = torch.where(depth < 0, torch.inf, depth)[:, None].expand(batch, -1, -1, -1)
    nearest = F.grid_sample(shown, grid, mode="nearest", padding_mode="border", align_corners=False)[:, 0]
    extent = uvz[..., 2].amax(dim=1) - uvz[..., 2].amin(dim=1)
    return inside & (place[..., 2] <= nearest + _DEPTH_TOLERANCE * extent[:, None, None])
