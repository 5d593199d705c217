"""VGG-16 or VGG-19 without its last layers, for perceptual losses: relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Vgg = Literal["vgg16", "vgg19"]
Layer = tuple[Tensor, Tensor]  # kernel (O, I, 3, 3), bias (O,)

# Convolutions of each block up to relu5_1: the last block gives its first one only.
BLOCKS: dict[Vgg, tuple[int, ...]] = {"vgg16": (2, 2, 3, 3, 1), "vgg19": (2, 2, 4, 4, 1)}
LEAST_SIDE = 16  # pixels: at relu5_1 one of them is left
_MEAN = (0.485, 0.456, 0.406)  # of ImageNet, for pictures in [0, 1]
_DEVIATION = (0.229, 0.224, 0.225)


class VggFeatures(nn.Module):
    """The same layers of either network; `network` says which, since their losses are not on one scale."""

    shift: Tensor
    scale: Tensor

    def __init__(self, network: Vgg, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.network = network
        check(network, layers)
        made = []
        for kernel, bias in layers:
            layer = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            layer.weight.data, layer.bias.data = kernel.float(), bias.float()  # type: ignore[union-attr]
            made.append(layer)
        self.convolutions = nn.ModuleList(made)
        # For pictures in [-1, 1], as the networks of this house see them.
        self.register_buffer("shift", torch.tensor(_MEAN).reshape(1, 3, 1, 1) * 2 - 1)
        self.register_buffer("scale", torch.tensor(_DEVIATION).reshape(1, 3, 1, 1) * 2)
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features after the first convolution of each block.

        Args:
            images: (B, 3, H, W) RGB in [-1, 1], sides at least 16.

        Returns:
            Five tensors (B, C, H / 2^k, W / 2^k), >= 0.
        """
        if min(images.shape[-2:]) < LEAST_SIDE:
            raise ValueError(f"VGG features need {LEAST_SIDE} pixels a side, got {tuple(images.shape[-2:])}")
        x = (images - self.shift) / self.scale
        convolutions = iter(self.convolutions)
        features = []
        for block, count in enumerate(BLOCKS[self.network]):
            if block:
                x = F.max_pool2d(x, 2)
            for index in range(count):
                x = F.relu(next(convolutions)(x))
                if index == 0:
                    features.append(x)
        return features


def check(network: Vgg, layers: Sequence[Layer]) -> None:
    """ValueError where these are not as many 3x3 kernels, each fed by the one before. Widths are free."""
    got = [tuple(kernel.shape) for kernel, _ in layers]
    inputs = [3, *(shape[0] for shape in got[:-1])]
    chained = all(shape[1:] == (width, 3, 3) for shape, width in zip(got, inputs, strict=True))
    if len(got) != sum(BLOCKS[network]) or not chained:
        raise ValueError(
            f"these are not the convolutions of {network}: expected {sum(BLOCKS[network])} of 3x3, got {got}"
        )
