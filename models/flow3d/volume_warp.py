"""Volumes and pictures sampled along a backward flow."""

import torch
from torch import Tensor
from torch.nn import functional as F


def identity_grid(shape: torch.Size, device: torch.device) -> Tensor:
    """Corner-aligned sampling grid (1, D, H, W, 3), or (1, H, W, 2): last axis x, y(, z) in [-1, 1].

    Args:
        shape: (D, H, W) or (H, W). An axis of one voxel is at 0.
    """
    axes = [torch.linspace(-1, 1, side, device=device) if side > 1 else torch.zeros(1, device=device) for side in shape]
    grids = torch.meshgrid(*axes, indexing="ij")
    return torch.stack(grids[::-1], dim=-1)[None]


def warp_volume(volume: Tensor, flow: Tensor) -> Tensor:
    """Sample a volume at `voxel + flow`, linearly, the border repeated; in float32 at least.

    Half precision would place a sample in a picture of 64 voxels to a quarter of one only.

    Args:
        volume: (B, C, D, H, W), or (B, C, H, W).
        flow: (B, 3, D, H, W) in voxels x, y, z; or (B, 2, H, W).

    Returns:
        As `volume`.
    """
    sides = volume.shape[2:]
    if flow.shape[2:] != sides or flow.shape[1] != len(sides):
        raise ValueError(f"warp_volume: a volume of {tuple(sides)} needs a flow of its sides, got {tuple(flow.shape)}")
    with torch.autocast(volume.device.type, enabled=False):
        dtype = torch.promote_types(volume.dtype, torch.float32)
        to_unit = torch.tensor([2.0 / max(1, side - 1) for side in sides[::-1]], device=volume.device)
        grid = identity_grid(sides, volume.device) + flow.to(dtype).movedim(1, -1) * to_unit
        return F.grid_sample(volume.to(dtype), grid, "bilinear", "border", align_corners=True)
