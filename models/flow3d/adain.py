"""Adaptive instance norm: the motion code sets scale and bias of every channel."""

from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN = 128


class AdaIN(nn.Module):
    """`norm(x) * (1 + gamma) + beta`, x (B, C, ...) in any number of dimensions, gamma and beta (B, C) of the code."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.affine = nn.Sequential(nn.Linear(style, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * channels))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        gamma, beta = self.affine(code).unflatten(1, (2, x.shape[1], *[1] * (x.dim() - 2))).unbind(1)
        scaled: Tensor = F.instance_norm(x) * (1 + gamma) + beta
        return scaled
