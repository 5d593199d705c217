"""Perceptual and style distance of two pictures (layers and scales as in PIRenderer)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from reenactory.models.perceptual.vgg import LEAST_SIDE, VggFeatures

Pyramid = list[list[Tensor]]  # per scale, per layer


def pyramid(features: VggFeatures, images: Tensor, scales: int = 4, first: int = 0) -> Pyramid:
    """Features of a picture at full, half, quarter ... size, as far as VGG has anything left of it.

    Args:
        images: (B, 3, H, W) RGB in [-1, 1].
        scales: most sizes; those under 16 pixels a side are left out.
        first: how many of them are left out at the top.
    """
    found = []
    for level in range(scales):
        if level:
            if min(images.shape[-2:]) // 2 < LEAST_SIDE:
                break
            images = F.interpolate(images, scale_factor=0.5, mode="bilinear", align_corners=False)
        if level >= first:
            found.append(features(images))
    return found


def perceptual_distance(made: Pyramid, true: Pyramid) -> Tensor:
    """Mean L1 of each layer, summed over layers and scales; a scalar, >= 0."""
    terms = [F.l1_loss(a, b) for one, other in zip(made, true, strict=True) for a, b in zip(one, other, strict=True)]
    return torch.stack(terms).sum()


def style_distance(made: Sequence[Tensor], true: Sequence[Tensor]) -> Tensor:
    """Mean L1 of the Gram matrices of each layer of one scale, summed; a scalar, >= 0."""
    return torch.stack([F.l1_loss(gram(a), gram(b)) for a, b in zip(made, true, strict=True)]).sum()


def gram(features: Tensor) -> Tensor:
    """`F F^T / (h w c)` of (B, C, H, W), in float32 at least: sums over a picture overflow half precision."""
    with torch.autocast(features.device.type, enabled=False):
        rows = features.flatten(2).to(torch.promote_types(features.dtype, torch.float32))  # (B, C, H W)
        return rows @ rows.transpose(1, 2) / (rows.shape[1] * rows.shape[2])
