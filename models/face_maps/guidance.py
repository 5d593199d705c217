"""All maps of the multi-guidance method at once: the mesh is rasterized once and its attributes drawn together."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_maps.flow import FlowUnits, in_units
from reenactory.models.face_maps.visibility import SourceView, visible_from_source
from reenactory.models.rasterizer.fragments import interpolate
from reenactory.models.rasterizer.rasterize import rasterize


class Guidance(NamedTuple):
    """Maps of B target frames.

    Attributes:
        face: (B, 3, H, W) float32, I_r: the vertex colours, 0 beside the face.
        flow: (B, H, W, 2) float32, F_c: backward flow, 0 beside the face.
        visible: (B, H, W) bool, O_c: the source shows this point; False beside the face.
        mask: (B, H, W) bool: the face.
    """

    face: Tensor
    flow: Tensor
    visible: Tensor
    mask: Tensor


def guidance_maps(
    source: SourceView,
    uvz_target: Tensor,
    triangles: Tensor,
    colours: Tensor,
    *,
    units: FlowUnits = "pixels",
    perspective_correct: bool = True,
) -> Guidance:
    """Guidance images of the target frames (multi-guidance, eq. 2 to 4).

    Args:
        source: what `view_source` returned for B sources, or for one that serves all frames.
        uvz_target: (B, V, 3) float32, pixels of a picture of the source's size.
        triangles: (F, 3) int64.
        colours: (B, V, 3) float32, or (1, V, 3): albedo times light of the target.
        units: of the flow, see `computed_flow`.
        perspective_correct: see `rasterize`.

    Returns:
        Guidance.
    """
    batch = len(uvz_target)
    target = rasterize(uvz_target, triangles, source.size, perspective_correct=perspective_correct)
    displacement = source.uvz[..., :2] - uvz_target[..., :2]
    image = interpolate(target, triangles, torch.cat((colours.expand(batch, -1, -1), displacement), dim=-1))
    return Guidance(
        image[..., :3].permute(0, 3, 1, 2),
        in_units(image[..., 3:], units),
        visible_from_source(source, target, triangles),
        target.triangle >= 0,
    )
