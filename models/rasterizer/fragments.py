"""What a rasterizer returns, and the interpolation of vertex attributes over it."""

from typing import NamedTuple

import torch
from torch import Tensor


class Fragments(NamedTuple):
    """The nearest triangle at every pixel centre.

    Attributes:
        triangle: (B, H, W) int64, row of the triangle table, -1 where there is none (not offset by the batch).
        depth: (B, H, W) float32, same unit as the input z, -1 where there is no triangle.
        barycentrics: (B, H, W, 3) float32, they sum to 1 (see `rasterize` about pictures without perspective); -1
            where there is no triangle.
    """

    triangle: Tensor
    depth: Tensor
    barycentrics: Tensor


def interpolate(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Tensor:
    """Vertex attributes at every pixel, the same bits on a CPU whichever way they are computed.

    Args:
        fragments: what `rasterize` returned for (B, H, W).
        triangles: (F, 3) int64, the table that was rasterized.
        attributes: (B, V, C); float32 on a CPU takes the fast way, unless they need gradients.

    Returns:
        (B, H, W, C) of the attributes' type; 0 where there is no triangle.

    Raises:
        ValueError: a shape is wrong.
        IndexError: the fragments or the triangles name a row that is not there.
    """
    if attributes.ndim != 3 or attributes.shape[0] != fragments.triangle.shape[0]:
        raise ValueError(f"attributes: expected ({fragments.triangle.shape[0]}, V, C), got {tuple(attributes.shape)}")
    if attributes.device.type == "cpu" and attributes.dtype == torch.float32 and not attributes.requires_grad:
        from reenactory.models.rasterizer import numba_backend  # numba takes half a second to import

        return numba_backend.interpolate(fragments, triangles, attributes)
    return interpolate_torch(fragments, triangles, attributes)


def interpolate_torch(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Tensor:
    """`interpolate` for any device and type."""
    batch, height, width = fragments.triangle.shape
    faces, channels = triangles.shape[0], attributes.shape[-1]
    if faces == 0:
        return attributes.new_zeros((batch, height, width, channels))
    # Columns of single numbers: 1-D gathers and products are what a CPU does fast, 3 ms less than rows at 256x256.
    table = attributes[:, triangles].reshape(batch * faces, 3, channels).permute(1, 2, 0).contiguous()  # (3, C, B F)
    covered = (fragments.triangle >= 0).reshape(-1)  # (B H W)
    offset = torch.arange(batch, device=attributes.device).view(-1, 1, 1) * faces
    ids = (fragments.triangle.clamp(min=0) + offset).reshape(-1)
    weights = [w.reshape(-1) for w in fragments.barycentrics.unbind(dim=-1)]
    columns = []
    for channel in range(channels):
        a, b, c = (table[corner, channel].index_select(0, ids) * weights[corner] for corner in range(3))
        # Plain sums: a fused multiply-add (addcmul_) rounds once less, and differs from one CPU to the next.
        columns.append(torch.where(covered, a + b + c, 0))
    return torch.stack(columns, dim=-1).view(batch, height, width, channels)
