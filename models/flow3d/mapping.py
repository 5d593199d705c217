"""The motion code T of a window of descriptors (PIRenderer's mapping network)."""

import torch
from torch import Tensor, nn

from reenactory.models.flow3d.blocks import activate
from reenactory.models.flow3d.config import DESCRIPTOR, MAX_RADIUS, NetworkConfig

RESIDUALS = 3
DILATION = 3


class Mapping(nn.Module):
    """(B, 73, 27) float32 to (B, style): convolutions without padding, each residual cropped to the middle."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.radius = config.window_radius
        # Of the training data, kept with the weights: a renderer must see descriptors as training did.
        self.register_buffer("mean", torch.zeros(DESCRIPTOR, 1))
        self.register_buffer("deviation", torch.ones(DESCRIPTOR, 1))
        self.first = nn.Conv1d(DESCRIPTOR, config.style, 7)
        self.residuals = nn.ModuleList(
            nn.Conv1d(config.style, config.style, 3, dilation=DILATION) for _ in range(RESIDUALS)
        )

        # An affine map wants the frame itself, not what its neighbours make of it.
        self.direct = nn.Linear(DESCRIPTOR, config.style, bias=False) if config.affine_motion else None

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """Use these statistics, each (73,). Numbers that never change in the data keep their scale."""
        self.mean.copy_(mean.reshape(-1, 1))
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, 1.0).reshape(-1, 1))

    def forward(self, window: Tensor) -> Tensor:
        if window.shape[1:] != (DESCRIPTOR, 2 * MAX_RADIUS + 1):
            raise ValueError(f"mapping: expected windows (B, 73, 27), got {tuple(window.shape)}")
        standard = (self.middle(window) - self.mean) / self.deviation
        x = self.first(standard)  # (B, style, 21)
        for layer in self.residuals:
            x = layer(activate(x)) + x[..., DILATION:-DILATION]  # 15, 9, 3
        code: Tensor = x.mean(dim=-1)
        return code if self.direct is None else code + self.direct(standard[..., MAX_RADIUS])

    def middle(self, window: Tensor) -> Tensor:
        """The window as if it were shorter: frames further away than the radius repeat its ends."""
        frames = torch.arange(-MAX_RADIUS, MAX_RADIUS + 1, device=window.device).clamp(-self.radius, self.radius)
        return window[..., frames + MAX_RADIUS]
