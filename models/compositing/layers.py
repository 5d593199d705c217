"""The picture behind the person, and the person's own colours at soft edges."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# How far beyond the matte the person still shines into the picture (halo, motion blur, matte errors), in picture sides.
_MARGIN = 0.025


class CleanPlate(NamedTuple):
    """The picture without the person (B, 3, H, W), and how much of each pixel was seen (B, 1, H, W) in [0, 1]."""

    picture: Tensor
    seen: Tensor


def clean_plate(pictures: Tensor, alphas: Tensor) -> CleanPlate:
    """Fills what the person covers from what is around, smoothly: only a rim of it is ever seen.

    Pull-push: weighted averages on ever coarser grids, then back, each level filling the holes of the finer one. There
    is no edge, no texture and no trace of the person in the hole; it cannot invent what stood behind.

    Args:
        pictures: (B, 3, H, W) float32 in [0, 1].
        alphas: (B, 1, H, W) float32 in [0, 1].

    Returns:
        Pictures in [0, 1]; the given ones where the person is not near.
    """
    margin = max(1, round(_MARGIN * min(alphas.shape[-2:])))
    covered = F.max_pool2d((alphas > 0.02).float(), 2 * margin + 1, 1, margin)
    seen = _soften(1 - covered, margin // 2)
    # The person fills the picture: any colour of it is as good.
    seen = torch.where(seen.sum(dim=(1, 2, 3), keepdim=True) < 1, 1e-3, seen)
    filled = _pull_push(pictures, seen)
    keep = seen.clamp(0, 1)
    return CleanPlate((keep * pictures + (1 - keep) * filled).clamp(0, 1), keep)


def _soften(mask: Tensor, radius: int) -> Tensor:
    """Ramps the mask (B, 1, H, W) up from 0 at its rim, inwards only."""
    if radius < 1:
        return mask
    blurred = F.avg_pool2d(F.pad(mask, (radius,) * 4, mode="replicate"), 2 * radius + 1, 1)
    return mask * ((blurred - 0.5) * 2).clamp(0, 1)


def _pull_push(colours: Tensor, weight: Tensor) -> Tensor:
    """Colours (B, 3, H, W) where weight (B, 1, H, W) is 1, their smooth continuation where it is 0."""
    if max(colours.shape[-2:]) <= 2:
        total = weight.sum(dim=(2, 3), keepdim=True).clamp(min=1e-6)
        return ((colours * weight).sum(dim=(2, 3), keepdim=True) / total).expand_as(colours)
    mass = F.avg_pool2d(weight, 2, ceil_mode=True)
    mean = F.avg_pool2d(colours * weight, 2, ceil_mode=True) / mass.clamp(min=1e-6)
    # A coarse cell counts as known as soon as a fraction of it is: else thin strips of background die out.
    coarse = _pull_push(mean, (mass * 4).clamp(max=1))
    fine = F.interpolate(coarse, size=colours.shape[-2:], mode="bilinear", align_corners=False)
    return weight * colours + (1 - weight) * fine


def premultiplied_foreground(pictures: Tensor, alphas: Tensor, plates: Tensor) -> Tensor:
    """The person without the background that shines through their soft edge.

    picture = alpha F + (1 - alpha) B, so alpha F follows without F being known, and laid over B it gives the picture.

    Args:
        pictures: (B, 3, H, W) float32 in [0, 1].
        alphas: (B, 1, H, W) float32 in [0, 1].
        plates: (B, 3, H, W) float32 in [0, 1], of `clean_plate`.

    Returns:
        (B, 4, H, W) float32: red, green, blue times alpha, and alpha.
    """
    colours = (pictures - (1 - alphas) * plates).clamp(min=0)
    return torch.cat((colours.minimum(alphas.expand_as(colours)), alphas), dim=1)
