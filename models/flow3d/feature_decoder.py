"""The feature decoder: a volume seen as a picture with many channels, and that drawn in colour."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reenactory.models.flow3d.blocks import Activation, activate, convolution, norm, normed
from reenactory.models.flow3d.config import NetworkConfig, Norm
from reenactory.models.flow3d.lift import SHRINK


class _Residual(nn.Module):
    def __init__(self, channels: int, kind: Norm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            norm(2, channels, kind),
            Activation(),
            convolution(2, channels, channels),
            norm(2, channels, kind),
            Activation(),
            convolution(2, channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


class FeatureDecoder(nn.Module):
    """(B, C, D, S/4, S/4) to a picture (B, 3, S, S) in [-1, 1]; planes beyond its three are in [0, 1]."""

    def __init__(self, config: NetworkConfig, planes: int = 3) -> None:
        super().__init__()
        width = config.decoder_width
        volume = config.volume_channels * config.volume_depth
        self.project = nn.Sequential(normed(2, volume, width, config.norm), convolution(2, width, width, 1))
        self.residuals = nn.Sequential(*(_Residual(width, config.norm) for _ in range(config.decoder_residuals)))
        doublings = (SHRINK * config.feature_spatial_stride).bit_length() - 1
        widths = [max(width >> index, 1) for index in range(doublings + 1)]
        self.ups = nn.ModuleList(normed(2, wide, narrow, config.norm) for wide, narrow in pairwise(widths))
        self.out = convolution(2, widths[-1], planes, 7)

    def forward(self, volume: Tensor) -> Tensor:
        x = self.residuals(self.project(volume.flatten(1, 2)))
        for up in self.ups:
            x = up(F.interpolate(activate(x), scale_factor=2.0, mode="nearest"))
        return picture(self.out(x))


def picture(planes: Tensor) -> Tensor:
    """Three colours through tanh to [-1, 1]; the planes after them, if any, through a sigmoid to [0, 1]."""
    colours = torch.tanh(planes[:, :3])
    return colours if planes.shape[1] == 3 else torch.cat([colours, torch.sigmoid(planes[:, 3:])], dim=1)
