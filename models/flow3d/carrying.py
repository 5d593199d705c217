"""Pixels that travel along the 3D flow, and drawing over them (`carry_pixels`; not part of the paper).

A decoder that has to learn to draw everybody from features needs days. The flow is there sooner, and the source's own
pixels along it are as sharp as the source, at any size: the network's, or the clip's.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenactory.models.flow3d.blocks import convolution
from reenactory.models.flow3d.config import NetworkConfig
from reenactory.models.flow3d.volume_warp import identity_grid

GATE_START = -2.0  # before the sigmoid: at first an eighth of every pixel is drawn anew


class Drawn(NamedTuple):
    """Planes after drawing over others, and how much of those is left, (B, 1, S, S) in [0, 1]."""

    planes: Tensor
    kept: Tensor


class Projection(nn.Module):
    """The flow of a volume as that of its picture: at each place, the mean over depth of what is to be seen there."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.seen = convolution(3, config.volume_channels, 1, 1) if config.flow_dim == 3 else None

    def forward(self, volume: Tensor, flow: Tensor) -> Tensor:
        """Args: volume: after its warping, (B, C, D, H, W); flow (B, 3, D, H, W), or (B, 2, H, W).

        Returns:
            (B, 2, H, W) float32, x and y in voxels.
        """
        if self.seen is None:
            return flow.float()
        share: Tensor = self.seen(volume).float().softmax(dim=2)
        return (share * flow[:, :2].float()).sum(dim=2)


def carry(planes: Tensor, flow: Tensor, between: Literal["bilinear", "bicubic"] = "bilinear") -> Tensor:
    """Planes (B, N, H, W) of any size sampled along a backward flow (B, 2, h, w) in voxels, the border repeated.

    Args:
        between: pixels; bilinear blurs, bicubic keeps skin and hair as they were and may overshoot at edges.
    """
    height, width = flow.shape[-2:]
    with torch.autocast(planes.device.type, enabled=False):
        to_unit = flow.new_tensor([2 / width, 2 / height]).reshape(1, 2, 1, 1)
        moved = F.interpolate(flow * to_unit, planes.shape[-2:], mode="bilinear", align_corners=False)
        grid = identity_grid(planes.shape[-2:], planes.device)
        # identity_grid is corner-aligned; a picture's pixel centres lie half a pixel inside its border.
        inside = grid.new_tensor([1 - 1 / planes.shape[-1], 1 - 1 / planes.shape[-2]])
        # At NaN torch's 2D sampling on the CPU reads outside its memory (2.13), and the process dies without a word.
        sampled = grid * inside + moved.movedim(1, -1).nan_to_num(0.0)
        return F.grid_sample(planes.float(), sampled, between, "border", align_corners=False)


def draw_over(base: Tensor, drawn: Tensor) -> Drawn:
    """Planes drawn over others where the last plane of `drawn`, the gate, says so.

    Args:
        base: (B, N, S, S).
        drawn: (B, N + 1, S, S), the gate in [0, 1].
    """
    kept = 1 - drawn[:, -1:]
    return Drawn(base * kept + drawn[:, :-1] * (1 - kept), kept)
