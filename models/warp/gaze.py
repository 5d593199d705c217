"""Eyeballs: where they look, and what is seen of them when the lids close."""

import torch
from torch import Tensor

from reenactory.models.warp.mesh import EYE_RIM

# Iris centre and the two corners of the eye, picture-left first: right eye, left eye.
_EYES = ((468, 33, 133), (473, 362, 263))
_TAPER = 3.0  # the shift is full in the middle third of the eye and fades to the corners, where the white is short
_LIMIT = 0.22  # of the eye's width: beyond it there is only white, and the landmarker's iris is not to be trusted


def iris_position(points: Tensor) -> Tensor:
    """Where the iris is between the corners of the eye.

    Args:
        points: (T, 478, 3) meshes in pixels.

    Returns:
        (T, 2) right and left eye, 0 at the picture-left corner, 1 at the other.
    """
    return torch.stack([_along(points[:, iris], points[:, a], points[:, b]) for iris, a, b in _EYES], dim=1)


def eyeball_sources(source: Tensor, target: Tensor) -> Tensor:
    """Source positions of the eyeball vertices, so that the source looks where the driver looks.

    Args:
        source: (478, 3) mesh of the source in pixels.
        target: (T, 478, 3) meshes in the target.

    Returns:
        (T, 36, 2): `mesh.EYE_RIM` shifted along the eye, against the movement of the iris.
    """
    moved = (iris_position(target) - iris_position(source[None])).clamp(-_LIMIT, _LIMIT)  # (T, 2)
    rims = source[list(EYE_RIM)].view(2, 18, 3)
    shifted = []
    for eye, (_, a, b) in enumerate(_EYES):
        x = _along(rims[eye], source[a], source[b])  # (18,)
        weight = (_TAPER * torch.minimum(x, 1 - x)).clamp(0, 1)
        shift = moved[:, eye, None] * weight  # (T, 18)
        shifted.append(rims[eye, :, :2] - shift[..., None] * (source[b] - source[a])[:2])
    return torch.cat(shifted, dim=1)


def closure(source: Tensor, target: Tensor) -> Tensor:
    """How far the eyes are closed compared to the source picture.

    Args:
        source: (478, 3) mesh of the source in pixels.
        target: (T, 478, 3) meshes in the target.

    Returns:
        (T, 2) right and left eye: 0 = at least 40 % of the source's opening, 1 = shut.
    """
    ratio = _openness(target) / _openness(source[None]).clamp(min=0.02)
    return (1 - ratio / 0.4).clamp(0, 1)


def _openness(points: Tensor) -> Tensor:
    """(T, 2) distance between the lids in eye widths."""
    lids = ((159, 145, 33, 133), (386, 374, 362, 263))
    distance = torch.linalg.vector_norm
    gaps = [
        distance(points[:, u] - points[:, d], dim=-1) / distance(points[:, a] - points[:, b], dim=-1)
        for u, d, a, b in lids
    ]
    return torch.stack(gaps, dim=1)


def _along(point: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Position of `point` (..., 3) along start -> end, 0 to 1."""
    axis = end - start
    return ((point - start) * axis).sum(dim=-1) / (axis * axis).sum(dim=-1)
