"""Light as nine spherical harmonics per colour, as Deep3DFaceRecon shades a face (methods B.5)."""

from math import pi, sqrt

import torch
from torch import Tensor

BANDS = 9
AMBIENT = 0.8  # added to the first band of every colour

# Products of the clamped cosine's and the harmonics' constants, band 0, 1 and 2.
_BAND_0 = pi / sqrt(4 * pi)
_BAND_1 = 2 * pi / sqrt(3) * sqrt(3) / sqrt(4 * pi)
_BAND_2 = 2 * pi / sqrt(8) * 3 * sqrt(5) / sqrt(12 * pi)


def harmonics(normals: Tensor) -> Tensor:
    """The nine values at each normal.

    Args:
        normals: (..., 3) unit normals in the camera's axes (after rotation).

    Returns:
        (..., 9).
    """
    x, y, z = normals.unbind(dim=-1)
    values = (
        torch.full_like(x, _BAND_0),
        -_BAND_1 * y,
        _BAND_1 * z,
        -_BAND_1 * x,
        _BAND_2 * x * y,
        -_BAND_2 * y * z,
        _BAND_2 / (2 * sqrt(3)) * (3 * z**2 - 1),
        -_BAND_2 * x * z,
        _BAND_2 / 2 * (x**2 - y**2),
    )
    return torch.stack(values, dim=-1)


def light_of(gamma: Tensor) -> Tensor:
    """The light behind the 27 numbers.

    Args:
        gamma: (..., 27), colour by colour.

    Returns:
        (..., 3, 9): red, green, blue; with the ambient light that 27 zeros stand for.
    """
    if gamma.shape[-1] != 3 * BANDS:
        raise ValueError(f"gamma: expected (..., {3 * BANDS}), got {tuple(gamma.shape)}")
    ambient = gamma.new_zeros(BANDS)
    ambient[0] = AMBIENT
    return gamma.reshape(*gamma.shape[:-1], 3, BANDS) + ambient


def shade(albedo: Tensor, normals: Tensor, gamma: Tensor) -> Tensor:
    """Colours of a face in its light.

    Args:
        albedo: (B, V, 3) RGB in [0, 1].
        normals: (B, V, 3) unit normals in the camera's axes.
        gamma: (B, 27).

    Returns:
        (B, V, 3) RGB, not clipped: strong light exceeds 1, and some gammas give negative light.
    """
    if albedo.shape != normals.shape or albedo.ndim != 3 or albedo.shape[-1] != 3:
        raise ValueError(f"expected albedo and normals (B, V, 3), got {tuple(albedo.shape)} and {tuple(normals.shape)}")
    return albedo * (harmonics(normals) @ light_of(gamma).transpose(-1, -2))
