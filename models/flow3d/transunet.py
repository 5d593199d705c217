"""The paper's "TransUNet": a plain U-Net with AdaIN. There is no transformer in it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reenactory.models.flow3d.adain import AdaIN
from reenactory.models.flow3d.blocks import activate, convolution, norm
from reenactory.models.flow3d.config import NetworkConfig, Norm
from reenactory.models.flow3d.feature_decoder import picture

WIDEST = 8  # times the base


class _Plain(nn.Module):
    """A norm that has AdaIN's face and no use for the code."""

    def __init__(self, channels: int, kind: Norm) -> None:
        super().__init__()
        self.norm = norm(2, channels, kind)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        normalised: Tensor = self.norm(x)
        return normalised


class _Double(nn.Module):
    """[convolution, AdaIN or plain norm, activation] twice."""

    def __init__(self, inputs: int, outputs: int, style: int | None, kind: Norm) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([convolution(2, inputs, outputs), convolution(2, outputs, outputs)])
        self.norms = nn.ModuleList(_Plain(outputs, kind) if style is None else AdaIN(style, outputs) for _ in range(2))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        for convolve, normalise in zip(self.convolutions, self.norms, strict=True):
            x = activate(normalise(convolve(x), code))
        return x


class TransUNet(nn.Module):
    """Max-pooling down, nearest doubling up, skips between; the motion code enters where `adain_site` says.

    The bottleneck is AdaIN in every case: it belongs to both halves.
    """

    def __init__(self, config: NetworkConfig, inputs: int, planes: int = 3) -> None:
        super().__init__()
        widths = [config.unet_base * min(2**level, WIDEST) for level in range(config.unet_levels)]
        down = config.style if config.adain_site in ("encoder", "both") else None
        up = config.style if config.adain_site in ("decoder", "both") else None
        self.down = nn.ModuleList(
            _Double(narrow, wide, down, config.norm)
            for narrow, wide in zip([inputs, *widths[:-1]], widths, strict=True)
        )
        self.bottleneck = _Double(widths[-1], widths[-1], config.style, config.norm)
        below = [*widths[1:], widths[-1]]  # channels that come up to each level
        self.up = nn.ModuleList(
            _Double(low + own, own, up, config.norm) for low, own in zip(below, widths, strict=True)
        )
        self.out = convolution(2, widths[0], planes, 7)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """(B, inputs, S, S) to (B, planes, S, S): three colours in [-1, 1], the others in [0, 1]."""
        skips = []
        for down in self.down:
            x = down(x, code)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x, code)
        for up, skip in zip(reversed(self.up), reversed(skips), strict=True):
            x = up(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1), code)
        return picture(self.out(x))
