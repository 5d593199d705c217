"""Vertex colours as pictures: the shaded face, and the map of normalised coordinates."""

import torch
from torch import Tensor

from reenactory.models.rasterizer.fragments import Fragments, interpolate


def draw_colours(fragments: Fragments, triangles: Tensor, colours: Tensor) -> Tensor:
    """The mesh in its vertex colours: the shaded face of the multi-guidance paper (eq. 2) when they are lit.

    Args:
        fragments: of B frames, from `rasterize`.
        triangles: (F, 3) int64.
        colours: (B, V, C) float32, any range; (1, V, C) serves all frames.

    Returns:
        (B, C, H, W) float32, 0 beside the mesh (`fragments.triangle >= 0` is the mask).
    """
    batch = fragments.triangle.shape[0]
    return interpolate(fragments, triangles, colours.expand(batch, -1, -1)).permute(0, 3, 1, 2)


def pncc_colours(mean_shape: Tensor) -> Tensor:
    """Vertex colours of the projected normalised coordinate code: the mean face, each axis scaled to [0, 1].

    They name a point of the face whoever it belongs to and whatever it does; drawn by `draw_colours` they are the PNCC
    (DeepFaceFlow's input).

    Args:
        mean_shape: (V, 3) float32, any unit.

    Returns:
        (V, 3) float32 in [0, 1].

    Raises:
        ValueError: the shape is flat along an axis, or not finite.
    """
    low, high = mean_shape.amin(dim=0), mean_shape.amax(dim=0)
    extent = high - low
    if not bool(torch.isfinite(extent).all()) or not bool((extent > 0).all()):
        raise ValueError(f"mean_shape: expected finite and extended along all axes, got extents {extent.tolist()}")
    return (mean_shape - low) / extent
