"""The flow that two fitted meshes imply (multi-guidance, eq. 3)."""

from typing import Literal

from torch import Tensor

from reenactory.models.rasterizer.fragments import Fragments, interpolate

FlowUnits = Literal["pixels", "grid"]


def computed_flow(
    target: Fragments, triangles: Tensor, uvz_source: Tensor, uvz_target: Tensor, units: FlowUnits = "pixels"
) -> Tensor:
    """Backward flow F_c: where in the source the surface point at a target pixel was, minus the pixel's own place.

    What is drawn is the displacement of the vertices, not their position in the source: the flow between equal meshes
    is then exactly 0 and of a shifted mesh constant, which the difference of two perspective-correct positions is not.

    Args:
        target: `rasterize(uvz_target, ...)` of B frames.
        triangles: (F, 3) int64.
        uvz_source: (B, V, 3) float32, pixels of a source picture of the same size; (1, V, 3) serves all frames.
        uvz_target: (B, V, 3) float32.
        units: "pixels", or "grid": what is added to an identity grid of grid_sample with align_corners=False, whose
            pixel column i is at (2 i + 1) / W - 1.

    Returns:
        (B, H, W, 2) float32, u and v; 0 beside the mesh.
    """
    displacement = uvz_source[..., :2] - uvz_target[..., :2]
    return in_units(interpolate(target, triangles, displacement), units)


def in_units(flow: Tensor, units: FlowUnits) -> Tensor:
    """Turns a flow (B, H, W, 2) in pixels into the units."""
    if units == "pixels":
        return flow
    if units == "grid":
        height, width = flow.shape[1:3]
        return flow * flow.new_tensor([2 / width, 2 / height])
    raise ValueError(f"units: expected pixels or grid, got {units!r}")
