"""What all parts of the network share: the activation, and convolutions in two or three dimensions."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reenactory.models.flow3d.config import Norm


class _Conv3d(nn.Conv3d):
    """In float32 on the CPU: some of oneDNN's bfloat16 gradients of 3x3x3 weights are 1e30 (torch 2.13)."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(_exact(x))


class _Doubling3d(nn.ConvTranspose3d):
    """Likewise."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(_exact(x), output_size)


def _exact(x: Tensor) -> Tensor:
    return x.float() if x.device.type == "cpu" and x.dtype is torch.bfloat16 else x


CONVOLUTION: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: _Conv3d}
TRANSPOSED: dict[int, type[nn.ConvTranspose2d] | type[nn.ConvTranspose3d]] = {
    2: nn.ConvTranspose2d,
    3: _Doubling3d,
}
INSTANCE: dict[int, type[nn.InstanceNorm2d] | type[nn.InstanceNorm3d]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
SLOPE = 0.1


def activate(x: Tensor) -> Tensor:
    """LeakyReLU with slope 0.1."""
    return F.leaky_relu(x, SLOPE)


def convolution(dims: int, inputs: int, outputs: int, kernel: int | tuple[int, ...] = 3, stride: int = 1) -> nn.Module:
    """A convolution that keeps the size, divided by the stride."""
    sides = (kernel,) * dims if isinstance(kernel, int) else kernel
    padding = tuple((side - 1) // 2 for side in sides)
    return CONVOLUTION[dims](inputs, outputs, sides, stride, padding)  # type: ignore[arg-type]


def doubling(dims: int, inputs: int, outputs: int) -> nn.Module:
    """A transposed convolution that doubles every side."""
    return TRANSPOSED[dims](inputs, outputs, 3, 2, 1, 1)


def norm(dims: int, channels: int, kind: Norm) -> nn.Module:
    """Affine norm of each channel by itself, or of all channels together; neither looks at the rest of the batch."""
    return INSTANCE[dims](channels, affine=True) if kind == "instance" else nn.GroupNorm(1, channels)


class Activation(nn.Module):
    """`activate` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return activate(x)


def normed(dims: int, inputs: int, outputs: int, kind: Norm) -> nn.Sequential:
    """Convolution, norm, activation."""
    return nn.Sequential(convolution(dims, inputs, outputs), norm(dims, outputs, kind), Activation())
