"""The coordinates in which all backends compute, so that they can round alike.

They are PyTorch3D's normalised device coordinates (NDC) mirrored in both axes: x to the right, y down, the short side
of the picture spans [-1, 1], its middle is (0, 0). Mirroring both axes changes no product of two differences, so
everything computed from these is what PyTorch3D computes, to the bit.
"""

import torch
from torch import Tensor

EPSILON = 1e-8  # PyTorch3D's: smallest area and depth drawn
# Coordinates beyond this hide their vertex: squares of their differences must stay finite in float32.
FARTHEST = 1e9


def to_ndc(uvz: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels to NDC, x right and y down.

    Args:
        uvz: (B, V, 3) float32, pixels and depth.
        size: (H, W).

    Returns:
        (B, V, 3) float32, all finite: vertices that cannot be drawn (not finite, farther than FARTHEST, not in front
        of the camera) are (0, 0, -1).
    """
    height, width = size
    u, v, z = uvz.unbind(dim=-1)
    x, y = (u * 2 - width) / min(size), (v * 2 - height) / min(size)
    # NaN compares false, so it is hidden too. As float32, EPSILON is a little less than 1e-8: `>` and not `>=`.
    drawable = (x.abs() <= FARTHEST) & (y.abs() <= FARTHEST) & (z > EPSILON) & (z <= FARTHEST)
    return torch.stack([torch.where(drawable, value, hidden) for value, hidden in ((x, 0), (y, 0), (z, -1))], dim=-1)


def pixel_centres(size: tuple[int, int], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """NDC of the pixel centres: rows (H,) float32, downwards, and columns (W,) float32, to the right; both increase."""
    height, width = size
    return _centres(height, width, device), _centres(width, height, device)


def _centres(count: int, other: int, device: torch.device | str) -> Tensor:
    """Rounded step by step as PyTorch3D rounds: for sides that are no powers of two every step matters."""
    span = torch.tensor(2.0 * count, device=device) / other if count > other else torch.tensor(2.0, device=device)
    offset = span / 2
    index = torch.arange(count - 1, -1, -1, dtype=torch.float32, device=device)
    return -(-offset + (span * index + offset) / count)
