"""The 3D warping network: from a source picture and a motion code to a backward flow over the volume."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from reenactory.models.flow3d.adain import AdaIN
from reenactory.models.flow3d.blocks import CONVOLUTION, activate, convolution, doubling, norm
from reenactory.models.flow3d.config import NetworkConfig
from reenactory.models.flow3d.lift import Lift
from reenactory.models.flow3d.volume_warp import identity_grid


class _Down(nn.Module):
    """[AdaIN, activation, convolution] twice; the first halves every side."""

    def __init__(self, dims: int, style: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([AdaIN(style, inputs), AdaIN(style, outputs)])
        self.halve = CONVOLUTION[dims](inputs, outputs, 4, 2, 1)
        self.keep = convolution(dims, outputs, outputs)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        x = self.halve(activate(self.norms[0](x, code)))
        kept: Tensor = self.keep(activate(self.norms[1](x, code)))
        return kept


class _Up(nn.Module):
    """[AdaIN, activation, convolution], [AdaIN, activation, doubling], plus a shortcut of one doubling."""

    def __init__(self, dims: int, style: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([AdaIN(style, inputs), AdaIN(style, outputs), AdaIN(style, inputs)])
        self.keep = convolution(dims, inputs, outputs)
        self.enlarge = doubling(dims, outputs, outputs)
        self.shortcut = doubling(dims, inputs, outputs)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        through = self.keep(activate(self.norms[0](x, code)))
        through = self.enlarge(activate(self.norms[1](through, code)))
        result: Tensor = through + self.shortcut(activate(self.norms[2](x, code)))
        return result


class _Affine(nn.Module):
    """An affine map of the volume's coordinates from the code alone, as a flow; 0 at first.

    A head that turns, leans or comes nearer is nearly that, and convolutions see no coordinates: they learn it slowly.
    """

    # Adam moves every weight by its rate, whatever the gradient: 128 of them would shake the picture at each step.
    GAIN = 0.05

    def __init__(self, dims: int, style: int) -> None:
        super().__init__()
        self.dims = dims
        self.out = nn.Linear(style, dims * (dims + 1))

    def forward(self, code: Tensor, sides: torch.Size) -> Tensor:
        """Args: code (B, style); sides (D, H, W) or (H, W).

        Returns:
            (B, dims, *sides) in voxels, x first.
        """
        matrix = (self.GAIN * self.out(code)).unflatten(1, (self.dims, self.dims + 1))
        grid = identity_grid(sides, code.device)[0].flatten(0, -2)  # (N, dims)
        half = grid.new_tensor([side / 2 for side in sides[::-1]])[:, None]
        moved = matrix[..., :-1].float() @ grid.T + matrix[..., -1:].float()
        flow: Tensor = (moved * half).unflatten(2, sides)
        return flow


class WarpingNetwork(nn.Module):
    """An hourglass over the lifted picture, AdaIN before every convolution of it.

    With `flow_dim` 2 channels and depth are one axis and the hourglass is flat.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.dims = dims = config.flow_dim
        volume = (config.volume_channels, config.volume_depth)
        self.lift = Lift(config.flow_base, *volume, config.norm)
        first = volume[0] if dims == 3 else volume[0] * volume[1]
        widths = (first, *config.flow_levels)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(_Down(dims, config.style, narrow, wide) for narrow, wide in pairs)
        # A level receives what came up from below beside its own skip: twice as wide, except the lowest.
        self.up = nn.ModuleList(
            _Up(dims, config.style, wide if wide == widths[-1] and index == len(pairs) - 1 else 2 * wide, narrow)
            for index, (narrow, wide) in enumerate(pairs)
        )
        self.out_norm = norm(dims, 2 * first, config.norm)
        self.out = convolution(dims, 2 * first, dims, (3, 7, 7) if dims == 3 else 7)
        self.affine = _Affine(dims, config.style) if config.affine_motion else None

    def forward(self, image: Tensor, code: Tensor) -> Tensor:
        """Args: image (B, 3, S, S) in [-1, 1]; code (B, style).

        Returns:
            Backward flow in voxels, (B, 3, D, S/4, S/4) in order x, y, z; (B, 2, S/4, S/4) with `flow_dim` 2.
        """
        return self.flow(self.lift(image), code)

    def flow(self, lifted: Tensor, code: Tensor) -> Tensor:
        """As `forward`, from the lifted picture, which does not change while one source is animated."""
        x = lifted
        if self.dims == 2:
            x = x.flatten(1, 2)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x, code)
        for up, skip in zip(reversed(self.up), reversed(skips), strict=True):
            x = torch.cat([up(x, code), skip], dim=1)
        flow: Tensor = self.out(activate(self.out_norm(x)))
        return flow if self.affine is None else flow + self.affine(code, flow.shape[2:])
